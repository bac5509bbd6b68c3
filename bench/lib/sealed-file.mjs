// Sealed files to measure with, written by the sealer of dist.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSealer } from '../../dist/index.js';
import { records } from './records.mjs';

const BATCH = 2_000;

/** Keys of one kind for a sealer and for the verifier that checks it. */
export function keysFor(mode, folder) {
  if (mode === 'mac') {
    const path = join(folder, 'audit.key');
    writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 });
    return { options: { keySource: 'file', keyFilePath: path, keyId: 'audit' }, keyPath: path };
  }
  const path = join(folder, 'signing.pem');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const publicPath = join(folder, 'signing.pub.pem');
  writeFileSync(publicPath, publicKey.export({ type: 'spki', format: 'pem' }));
  const options = { keySource: 'file', keyFilePath: path, keyId: 'audit', algorithm: 'Ed25519' };
  return { options, publicPath };
}

/** Seals `count` records into a file of `folder`; `more` are further options of the sealer. */
export async function sealedFile(mode, folder, count, more = {}) {
  const { options, ...keys } = keysFor(mode, folder);
  const path = join(folder, `${mode}.jsonl`);
  const origin = `bench.example.com/${mode}`;
  const sealer = createSealer({ ...options, file: path, origin, stateDir: join(folder, 'state'), ...more });
  await sealer.ready;
  for (let from = 0; from < count; from += BATCH) {
    if (!sealer.write(records(Math.min(BATCH, count - from), from))) await once(sealer, 'drain');
  }
  await sealer.close();
  return { path, origin, ...keys };
}
