import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LATER, waitFor } from '../../../src/foundation/steps.ts';
import {
  type DataKey,
  generateKeyFile,
  type KeyEvent,
  onKeyEvent,
  type Signature,
  type SigningKey,
} from '../../../src/index.ts';
import { FileKeyProvider } from '../../../src/providers/file.ts';
import { LocalKeyProvider, type LocalKeyUse } from '../../../src/providers/internal/local-provider.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };

/** A place that remembers the memory it lent out. */
function place(): { provider: LocalKeyProvider; lent: Buffer[]; keys: Record<LocalKeyUse, Buffer> } {
  const lent: Buffer[] = [];
  const keys = { 'data key': randomBytes(32), 'signing key': randomBytes(32) };
  const provider = new LocalKeyProvider({
    source: 'file',
    raw: false,
    *read(_, use) {
      const bytes = Buffer.from(keys[use].toString('hex'));
      lent.push(
        yield* waitFor(
          async () => bytes,
          () => bytes,
        ),
      );
      return { bytes, place: 'file k' };
    },
  });
  return { provider, lent, keys };
}

const isErased = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

describe('LocalKeyProvider', () => {
  it('overwrites every text it has read', async () => {
    const { provider, lent } = place();
    await provider.getKey('d', context);
    await provider.getSigningKey('s');
    await provider.sign('s', Buffer.from('x'));
    await provider.rotateCheck();
    expect(lent.length).toBeGreaterThanOrEqual(4);
    expect(lent.map(isErased)).toEqual(lent.map(() => true));
  });

  it('overwrites it at once as well, and tells of each use', () => {
    const { provider, lent, keys } = place();
    const events: KeyEvent[] = [];
    onTestFinished(onKeyEvent((event) => events.push(event)));
    const { atOnce } = provider;
    expect((atOnce.getKey('d', context) as DataKey).material.equals(keys['data key'])).toBe(true);
    const { spki, identity } = atOnce.getSigningKey('s') as SigningKey;
    const { bytes } = atOnce.sign(identity, Buffer.from('x')) as Signature;
    const publicKey = createPublicKey({ key: spki as Buffer, format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from('x'), publicKey, bytes)).toBe(true);
    keys['data key'] = randomBytes(31);
    expect(() => atOnce.getKey('d', context)).toThrow(expect.objectContaining({ code: 'KEY_MALFORMED' }));
    expect(lent).toHaveLength(3);
    expect(lent.map(isErased)).toEqual(lent.map(() => true));
    expect(events.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
      'getKey ok',
      'getSigningKey ok',
      'sign ok',
      'getKey KEY_MALFORMED',
    ]);
  });

  it('has no key of ML-DSA at once', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'keys-')), 'k');
    onTestFinished(() => rmSync(dirname(path), { recursive: true }));
    await generateKeyFile(path, 'ML-DSA-65');
    const pem = new FileKeyProvider({ signingKeys: { path } });
    expect(pem.atOnce.getSigningKey('s')).toBe(LATER);
    expect(await pem.getSigningKey('s')).toMatchObject({ algorithm: 'ml-dsa-65' });
  });

  it('has nothing at once after its end', async () => {
    const { provider } = place();
    await provider.close();
    expect(() => provider.atOnce.getKey('d', context)).toThrow(expect.objectContaining({ code: 'PROVIDER_CLOSED' }));
  });

  it('overwrites the text of what is no key', async () => {
    const { provider, lent, keys } = place();
    keys['data key'] = randomBytes(31);
    await expect(provider.getKey('d', context)).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    expect(lent.map(isErased)).toEqual([true]);
  });

  it('gives each caller memory of its own', async () => {
    const { provider } = place();
    const [one, two] = [await provider.getKey('d', context), await provider.getKey('d', context)];
    one.erase();
    expect(isErased(one.material)).toBe(true);
    expect(isErased(two.material)).toBe(false);
  });

  it('keeps the signing keys of some changes, so that each can sign its hand-over, and not for ever', async () => {
    const { provider, keys } = place();
    const identities: string[] = [];
    for (let change = 0; change < 6; change++) {
      identities.push((await provider.getSigningKey('s')).identity);
      keys['signing key'] = randomBytes(32);
    }
    expect((await provider.sign(identities.at(-2) ?? '', Buffer.from('x'))).identity).toBe(identities.at(-2));
    await expect(provider.sign(identities[0] ?? '', Buffer.from('x'))).rejects.toMatchObject({
      code: 'KEY_VERSION_UNAVAILABLE',
    });
  });

  it('reports no change where one key cannot be read, and reports it when it can', async () => {
    const { provider, keys } = place();
    await provider.getKey('d', context);
    await provider.getSigningKey('s');
    const good = keys['signing key'];
    keys['data key'] = randomBytes(32);
    keys['signing key'] = randomBytes(5);
    await expect(provider.rotateCheck()).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    keys['signing key'] = good;
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
  });
});
