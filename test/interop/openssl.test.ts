import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readNote } from '../support/sealed-lines.ts';
import { SealedLog } from '../support/sealed-log.ts';
import type { SigningKey } from '../support/signing-keys.ts';
import { edKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey } from '../vectors/keys.ts';

/** The openssl command line verifies the signatures of our checkpoints over their text. */

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-openssl-'));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'];
const ways: Record<string, (key: string, text: string, signature: string) => string[]> = {
  ed25519: (key, text, signature) => [
    'pkeyutl',
    '-verify',
    '-pubin',
    '-inkey',
    key,
    '-rawin',
    '-in',
    text,
    '-sigfile',
    signature,
  ],
  'ecdsa-p256-sha256': (key, text, signature) => ['dgst', '-sha256', '-verify', key, '-signature', signature, text],
  'ecdsa-p384-sha384': (key, text, signature) => ['dgst', '-sha384', '-verify', key, '-signature', signature, text],
  'rsa-pss-sha256': (key, text, signature) => [
    'dgst',
    '-sha256',
    ...pss,
    '-verify',
    key,
    '-signature',
    signature,
    text,
  ],
  'rsa-pkcs1-sha256': (key, text, signature) => ['dgst', '-sha256', '-verify', key, '-signature', signature, text],
};

describe('openssl', () => {
  it.each<[string, SigningKey]>(
    [edKey, p256Key, p384Key, rsaPssKey, rsaPkcs1Key].map((key) => [key.signer.algorithm, key]),
  )('verifies a checkpoint signed with %s, and refuses it over another text', (algorithm, key) => {
    const log = new SealedLog()
      .open({ signers: [key] })
      .seal()
      .checkpoint()
      .record('{"a":1}')
      .close()
      .checkpoint();
    const checkpoint = readNote(log.note());
    const spki = createPublicKey({ key: key.noteKey.bytes, format: 'der', type: 'spki' });
    const pem = put(`${algorithm}.pem`, spki.export({ format: 'pem', type: 'spki' }));
    const signature = put(`${algorithm}.sig`, checkpoint.signatures[0] ?? '');
    const way = ways[algorithm];
    if (way === undefined) throw new Error(`no way to check ${algorithm}`);
    const check = (text: string): number | null =>
      spawnSync('openssl', way(pem, put(`${algorithm}.txt`, text), signature)).status;
    expect(check(checkpoint.text)).toBe(0);
    expect(check(checkpoint.text.replace('\n4\n', '\n5\n'))).not.toBe(0);
  });
});
