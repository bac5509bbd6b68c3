import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { readsLikeKey, shown } from '../../src/foundation/key-like.ts';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

/** Every way in which a key was put in the place of a name or a path. */
const dresses: readonly [string, (key: string) => string][] = [
  ['as it is', (key) => key],
  ['with its line end', (key) => `${key}\n`],
  ['with blanks around it', (key) => `  ${key} `],
  ['in quotation marks', (key) => `"${key}"`],
  ['with a name before it', (key) => `d1=${key}`],
  ['with a scheme before it', (key) => `base64:${key}`],
  ['with 0x before it', (key) => `0x${key}`],
  ['as a path', (key) => `./${key}`],
  ['as a file in a directory', (key) => `keys/${key}.key`],
];

it.each(dresses)('knows a key %s', (_what, dressed) => {
  for (let round = 0; round < 500; round++) {
    const bytes = createHash('sha256').update(`key ${round}`).digest();
    for (const key of [
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64').replace('=', ''),
      bytes.toString('base64url'),
    ]) {
      const text = dressed(key);
      expect(readsLikeKey(text), text).toBe(true);
      expect(shown(text)).not.toContain(key.slice(0, 8));
    }
  }
});

it('knows a private key in PEM', () => {
  expect(readsLikeKey(pem)).toBe(true);
  expect(readsLikeKey(`d1=${pem}`)).toBe(true);
});

it('takes a verifier key for what it is, public, and the one that signs for a secret', () => {
  for (let round = 0; round < 2000; round++) {
    const key = createHash('sha256').update(`key ${round}`).digest();
    const id = key.toString('hex', 0, 4);
    const verifier = `witness.example/two+${id}+${Buffer.concat([Buffer.of(4), key]).toString('base64')}`;
    expect(shown(verifier)).toBe(verifier);
    expect(readsLikeKey(`PRIVATE+KEY+${verifier}`)).toBe(true);
    expect(readsLikeKey(`${key.toString('hex')}+${id}+${verifier.slice(-44)}`)).toBe(true);
  }
});

it.each([
  'audit.jsonl',
  '/var/log/service/audit.20261124T230024Z-0001.jsonl',
  '/home/someone/Projects/fapilog-tamper/test/fixtures/audit.key',
  'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'projects/test-project/locations/europe-west1/keyRings/audit/cryptoKeys/sealing/cryptoKeyVersions/12',
  'https://vault-of-ours.vault.azure.net/keys/audit/0123456789abcdef0123456789abcdef',
  'transit/keys/audit-data',
  'Backup-2026-11-24T23-00-00Z-Production-Audit-Log-01.jsonl.gz',
  'FAPILOG_TAMPER_SIGNING_KEY_OF_THE_SECOND_SERVICE',
  'default',
  '',
])('takes %s for a name', (name) => {
  expect(readsLikeKey(name)).toBe(false);
  expect(shown(name)).toBe(name);
});
