import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { auditorKeys, loadPublicKeys, verify } from '../../src/index.ts';

it.each([
  ['PKCS#8', { type: 'pkcs8', format: 'pem' }],
  ['SEC1', { type: 'sec1', format: 'pem' }],
  ['encrypted PKCS#8', { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }],
] as const)('a private key (%s) is not taken for a public one, and not shown', async (_, how) => {
  const directory = mkdtempSync(join(tmpdir(), 'public-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export(how).toString();
  const path = join(directory, 'key.pem');
  for (const text of [pem, `${publicKey.export({ type: 'spki', format: 'pem' })}${pem}`, `# ours\n${pem}`]) {
    writeFileSync(path, text);
    const refused = await loadPublicKeys(path).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'KEY_MALFORMED', message: expect.stringContaining('private key') });
    expect(JSON.stringify(refused) + String(refused)).not.toContain(pem.split('\n')[1]);
  }
});

it.each([
  ['public', 'spki', 'publicKeyFiles'],
  ['private', 'pkcs8', 'only its public half'],
] as const)('a %s key is not taken for a data key: the refusal says where it belongs', async (kind, type, where) => {
  const directory = mkdtempSync(join(tmpdir(), 'public-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const pair = generateKeyPairSync('ed25519');
  const key = kind === 'public' ? pair.publicKey : pair.privateKey;
  const path = join(directory, 'key.pem');
  writeFileSync(path, key.export({ type, format: 'pem' } as { type: 'spki'; format: 'pem' }), { mode: 0o600 });
  const verified = verify({ paths: [directory], origin: 'a/b', keys: auditorKeys({ dataKeyFiles: [path] }) });
  await expect(verified).rejects.toMatchObject({
    code: 'KEY_WRONG_USAGE',
    message: `${path} holds a ${kind} key, not a data key`,
    hint: expect.stringContaining(where),
  });
});
