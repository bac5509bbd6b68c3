import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goTool } from '../../scripts/lib/go-tools.mjs';
import { attestFiles, auditorKeys } from '../../src/index.ts';
import { signerOf } from '../support/key-source.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey } from '../vectors/keys.ts';
import { signedLog, signKeys } from '../vectors/logs.ts';

/** cosign v2.5.0, built by Go, accepts our statements of sealed files, and refuses each altered copy (E4.1, E4.2). */

const TYPE = 'https://in-toto.io/attestation/svr/v0.1';
let cosign = '';
let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  cosign = goTool('cosign');
  folder = mkdtempSync(join(tmpdir(), 'cosign-'));
}, 3_600_000);
afterAll(() => rmSync(folder, { recursive: true }));

async function attested(name: string, log: SealedLog, key: SigningKey): Promise<string> {
  writeFileSync(at(name), log.toFiles()[0]?.bytes ?? '');
  const spki = createPublicKey({ key: key.noteKey.bytes, format: 'der', type: 'spki' });
  writeFileSync(at(`${key.signer.identity}.pub`), spki.export({ format: 'pem', type: 'spki' }));
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  const { envelope } = await attestFiles({
    paths: [at(name)],
    origin: log.origin,
    keys,
    signer: signerOf(key),
    signingKey: 'k',
  });
  if (envelope === undefined) throw new Error('the log was to be attested');
  return envelope;
}

function accepts(envelope: string, file: string, key: SigningKey, type = TYPE): boolean {
  writeFileSync(at('envelope.json'), envelope);
  const flags = ['--insecure-ignore-tlog=true', '--key', at(`${key.signer.identity}.pub`), '--type', type];
  const argv = ['verify-blob-attestation', ...flags, '--signature', at('envelope.json'), file];
  const { status, stderr } = spawnSync(cosign, argv, { encoding: 'utf8', env: { ...process.env, HOME: folder } });
  expect(stderr).toMatch(status === 0 ? /Verified OK/ : /error during command execution|Error:/);
  return status === 0;
}

interface Envelope {
  payloadType: string;
  payload: string;
  signatures: { keyid: string; sig: string }[];
}
const changed = (envelope: string, change: (one: Envelope) => void): string => {
  const one = JSON.parse(envelope) as Envelope;
  change(one);
  return JSON.stringify(one);
};

describe.each([
  ['Ed25519', edKey],
  ['ECDSA P-256', p256Key],
  ['RSA PKCS #1', rsaPkcs1Key],
])('cosign, with %s', (_name, key) => {
  it('accepts a sealed file with its statement, and refuses one with a byte changed, added or missing', async () => {
    const envelope = await attested('log.jsonl', signedLog(), key);
    expect(accepts(envelope, at('log.jsonl'), key)).toBe(true);
    const bytes = readFileSync(at('log.jsonl'));
    for (const place of [0, bytes.length >> 1, bytes.length - 1]) {
      const spoilt = Buffer.from(bytes);
      spoilt[place] = (spoilt[place] as number) ^ 1;
      writeFileSync(at('spoilt.jsonl'), spoilt);
      expect(accepts(envelope, at('spoilt.jsonl'), key), `byte ${place}`).toBe(false);
    }
    writeFileSync(at('spoilt.jsonl'), Buffer.concat([bytes, Buffer.from('\n')]));
    expect(accepts(envelope, at('spoilt.jsonl'), key)).toBe(false);
    writeFileSync(at('spoilt.jsonl'), bytes.subarray(0, -1));
    expect(accepts(envelope, at('spoilt.jsonl'), key)).toBe(false);
  });

  it('refuses each member of the envelope changed, the statement of another log, and another key or type', async () => {
    const envelope = await attested('log.jsonl', signedLog(), key);
    const other = new SealedLog().open(signKeys).seal().checkpoint().record('other').close().checkpoint();
    const swapped = JSON.parse(await attested('other.jsonl', other, key)) as Envelope;
    const file = at('log.jsonl');
    const rewritten = (payload: string, from: string, to: string): string => {
      const text = Buffer.from(payload, 'base64').toString();
      expect(text).toContain(from);
      return Buffer.from(text.replace(from, to)).toString('base64');
    };
    const attacks: Record<string, (one: Envelope) => void> = {
      type: (one) => (one.payloadType = 'application/json'),
      verdict: (one) => (one.payload = rewritten(one.payload, '"records":10', '"records":11')),
      subject: (one) => (one.payload = rewritten(one.payload, '"name":"log.jsonl"', '"name":"lag.jsonl"')),
      payload: (one) => (one.payload = swapped.payload),
      signature: (one) => (one.signatures = swapped.signatures),
      'no signature': (one) => (one.signatures = []),
      'cut signature': (one) => (one.signatures[0] = { keyid: '', sig: (one.signatures[0]?.sig ?? '').slice(0, 40) }),
      'all of another log': (one) => Object.assign(one, swapped),
    };
    for (const [name, attack] of Object.entries(attacks)) {
      expect(accepts(changed(envelope, attack), file, key), name).toBe(false);
    }
    await attested('log.jsonl', signedLog(), nextEdKey);
    expect(accepts(envelope, file, nextEdKey)).toBe(false);
    expect(accepts(envelope, file, key, `${TYPE}x`)).toBe(false);
    expect(accepts(envelope, file, key)).toBe(true);
  });
});

// cosign checks every ECDSA key with SHA-256, and every RSA key with PKCS #1 (docs/evidence.md)
it.each([
  ['ECDSA P-384', p384Key],
  ['RSA-PSS', rsaPssKey],
])('cosign 2.5.0 takes no statement signed with %s, which anyone else can check', async (_name, key) => {
  const envelope = await attested('log.jsonl', signedLog(), key);
  expect(accepts(envelope, at('log.jsonl'), key)).toBe(false);
});
