// How many 300-byte records a second are sealed by one thread, beside the ceiling of the same run: four SHA-256 calls a
// record (leaf, two of the HMAC, a tree node), and two for signing. `npm run build` first. BENCH_RECORDS sets the count.
import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSealer } from '../dist/index.js';
import { median } from './lib/median.mjs';

const records = Number(process.env.BENCH_RECORDS ?? 600_000);
const rounds = 3;
const line = (n) => `{"level":30,"time":1764025200000,"n":"${String(n).padStart(9, '0')}","msg":"${'x'.repeat(240)}"}`;
const lines = Array.from({ length: 10_000 }, (_, n) => line(n));
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Records a second that `calls` hashes a record allow. */
function ceiling(calls) {
  const sample = Buffer.from(lines[0]);
  const small = randomBytes(96);
  const started = performance.now();
  for (let n = 0; n < records; n++) {
    hash('sha256', sample, 'binary');
    for (let call = 1; call < calls; call++) hash('sha256', small, 'binary');
  }
  return (records / (performance.now() - started)) * 1000;
}

async function seal(options, write) {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'bench-seal-'));
  try {
    const keyFilePath = join(directory, 'key');
    writeFileSync(keyFilePath, randomBytes(32), { mode: 0o600 });
    const sealer = createSealer({
      file: join(directory, 'audit.jsonl'),
      stateDir: join(directory, 'state'),
      origin: 'bench.example.com/seal',
      keySource: 'file',
      keyFilePath,
      ...options,
    });
    await sealer.ready;
    const started = performance.now();
    for (let n = 0; n < records; n++) {
      write(sealer, lines[n % lines.length]);
      if (n % 1_000 === 999) await turn(); // as a transport does between chunks
    }
    await sealer.flush();
    const rate = (records / (performance.now() - started)) * 1000;
    await sealer.close();
    return rate;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const cases = [
  ['mac, known objects', {}, (sealer, text) => sealer.writeObject(text), 4],
  ['mac, any line', {}, (sealer, text) => sealer.write(text), 4],
  ['signing, known objects', { algorithm: 'Ed25519' }, (sealer, text) => sealer.writeObject(text), 2],
];
for (const [name, options, write, calls] of cases) {
  const rates = [];
  const ceilings = [];
  for (let round = 0; round < rounds; round++) {
    ceilings.push(ceiling(calls));
    rates.push(await seal(options, write));
  }
  const rate = median(rates);
  const most = median(ceilings);
  console.log(
    `${name.padEnd(24)} ${Math.round(rate / 1000)}k records/s, ceiling of ${calls} hashes ${Math.round(most / 1000)}k, ratio ${(rate / most).toFixed(2)}`,
  );
}
