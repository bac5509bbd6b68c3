// Seals lines until it is killed, and says on standard output which ones are acknowledged. argv: dist, directory, first n.
import { join } from 'node:path';

const [dist, directory, first, mode] = process.argv.slice(2);
const { createSealer } = await import(dist);
const sealer = createSealer({
  file: join(directory, 'audit.jsonl'),
  stateDir: join(directory, 'state'),
  origin: 'audit.example.com/kills',
  keySource: 'file',
  keyFilePath: join(directory, 'key'),
  ...(mode === 'signing' ? { algorithm: 'Ed25519' } : {}),
  checkpointMaxRecords: 50,
  checkpointMaxSeconds: 1,
  rotateMaxBytes: 65_536,
});
sealer.on('warning', () => undefined);
process.stdout.on('error', () => process.exit(0));
let n = Number(first);
for (;;) {
  for (let line = 0; line < 20; line++) sealer.write(`{"n":${n++},"pad":"${'x'.repeat(n % 200)}"}`);
  await sealer.flush();
  process.stdout.write(`${n}\n`);
}
