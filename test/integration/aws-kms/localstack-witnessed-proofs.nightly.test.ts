import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  auditorKeys,
  createKeyProvider,
  createSealer,
  formatVkey,
  loadWitnesses,
  proveRecord,
  verify,
  verifyProof,
} from '../../../src/index.ts';
import { Litewitness } from '../../servers/litewitness.ts';
import { running } from '../../servers/running.ts';
import { askTorchwood, buildTorchwood, cosignedBy } from '../../support/torchwood.ts';
import { KmsAdmin, testCredentials } from './admin.ts';
import { AwsEnvironment } from './environment.ts';

/** M4.11: A log that AWS KMS signs with a key of P-256, beside a note key: the common witness and the common verifier take it. */

const origin = 'audit.example.com/kms-witnessed';
let folder = '';
let environment: AwsEnvironment;
let admin: KmsAdmin;
let witnesses: Litewitness[] = [];
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  buildTorchwood();
  // before the environment has another HOME, and no caches
  witnesses = [await Litewitness.start('witness.example/one'), await Litewitness.start('witness.example/two')];
  folder = mkdtempSync(join(tmpdir(), 'kms-witnessed-'));
  const { url } = running('localstack');
  admin = new KmsAdmin(url);
  environment = await AwsEnvironment.begin({
    AWS_ENDPOINT_URL_KMS: url,
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  });
}, 900_000);
afterAll(async () => {
  for (const witness of witnesses) await witness.stop();
  await environment?.end();
  admin?.close();
  if (folder !== '') rmSync(folder, { recursive: true });
});

it('two litewitnesses cosign it by the note key, and torchwood accepts its proof', async () => {
  const note = generateKeyPairSync('ed25519');
  writeFileSync(at('note.key'), note.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const spki = note.publicKey.export({ format: 'der', type: 'spki' });
  const noteVkey = formatVkey(origin, { algorithm: 'ed25519', bytes: spki });
  const keyId = await admin.createKey('ECC_NIST_P256');
  const kms = { keySource: 'aws-kms', keyId, useKmsSigning: true } as const;
  const provider = await createKeyProvider(kms);
  const file = at('audit.jsonl');
  const sealer = createSealer({ ...kms, file, origin, stateDir: at('state'), noteKeyFilePath: at('note.key') });
  sealer.write('{"n":1}\n');
  sealer.write('{"n":2}\n');
  await sealer.close();

  const parts = await cosignedBy(witnesses, { origin, path: file, key: noteVkey });
  const [one, two] = witnesses.map(({ vkey }) => vkey);
  const policy = `log ${noteVkey}\nwitness one ${one}\nwitness two ${two}\ngroup both all one two\nquorum both\n`;
  writeFileSync(at('policy.txt'), policy);

  const { algorithm, spki: kmsKey } = await provider.getSigningKey(keyId);
  expect(algorithm).toBe('ecdsa-p256-sha256');
  const keys = auditorKeys({ publicKeys: [formatVkey(origin, { algorithm, bytes: Buffer.from(kmsKey ?? '') })] });
  const auditor = { origin, keys, witnesses: await loadWitnesses(at('policy.txt')) };
  const log = { ...auditor, paths: [file, ...parts] };
  expect((await verify(log)).verdict).toBe('ok');
  const { proof = '' } = await proveRecord({ ...log, seq: 3, noteKeys: [noteVkey] });
  expect(askTorchwood(policy, [proof], proof)).toEqual(['ok']);
  expect(await verifyProof(proof, auditor)).toMatchObject({ verdict: 'ok' });
  await provider.close();
}, 120_000);
