import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LocalKeyProvider, type LocalKeyUse } from '../../../src/providers/internal/local-provider.ts';

const context = { origin: 'example.com/a', kid: 'AAAAAAAA.1' };

/** A place that remembers the memory it lent out. */
function place(): { provider: LocalKeyProvider; lent: Buffer[]; keys: Record<LocalKeyUse, Buffer> } {
  const lent: Buffer[] = [];
  const keys = { 'data key': randomBytes(32), 'signing key': randomBytes(32) };
  const provider = new LocalKeyProvider({
    source: 'file',
    raw: false,
    read: async (_, use) => {
      const bytes = Buffer.from(keys[use].toString('hex'));
      lent.push(bytes);
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
