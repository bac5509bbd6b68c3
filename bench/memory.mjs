// The memory that `verify` takes at its peak, for logs of growing size, with a seal for every record, and with many runs.
// Run `npm run build` first. usage: node bench/memory.mjs [bytes of the largest file, default 2000000000]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSealer } from '../dist/index.js';
import { LEAF_BYTES, records } from './lib/records.mjs';
import { keysFor, sealedFile } from './lib/sealed-file.mjs';

const LIMIT_MB = 100;
const largest = Number(process.argv[2] ?? 2_000_000_000);
const program = fileURLToPath(new URL('lib/verify-alone.mjs', import.meta.url));
let within = true;

function measure(what, file) {
  const result = JSON.parse(execFileSync(process.execPath, [program, JSON.stringify(file)], { encoding: 'utf8' }));
  const { megabytes, records: count, epochs, cpuSeconds, wallSeconds } = result;
  const size = Math.round(statSync(file.path).size / 1e6);
  within &&= megabytes <= LIMIT_MB;
  const time = `${cpuSeconds.toFixed(1)} s of CPU time, ${wallSeconds.toFixed(1)} s by the clock`;
  console.log(`${what}: ${size} MB, ${count} records, ${epochs} key periods: ${megabytes} MB at the peak; ${time}`);
}

async function manyRuns(folder, runs) {
  const { options, ...keys } = keysFor('mac', folder);
  const path = join(folder, 'runs.jsonl');
  const origin = 'bench.example.com/runs';
  for (let run = 0; run < runs; run++) {
    const sealer = createSealer({ ...options, file: path, origin, stateDir: join(folder, 'state') });
    await sealer.ready;
    sealer.write(records(100, run * 100));
    await sealer.close();
  }
  return { path, origin, ...keys };
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-bench-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { bavail, bsize } = statfsSync(tmpdir());
if (bavail * bsize < largest * 1.5) throw new Error(`there is no room for ${largest} bytes in ${tmpdir()}`);

for (const bytes of [1_000_000, largest / 10, largest]) {
  const count = Math.round(bytes / (LEAF_BYTES + 47));
  await inFolder(async (folder) => measure('one log', await sealedFile('mac', folder, count)));
}
await inFolder(async (folder) =>
  measure('a seal for every record', await sealedFile('mac', folder, 200_000, { checkpointMaxRecords: 1 })),
);
await inFolder(async (folder) => measure('many runs', await manyRuns(folder, 1_000)));
process.exitCode = within ? 0 : 1;
