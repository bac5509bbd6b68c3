// How much faster the clock says `verify` is with more processes, on one log file. Run `npm run build` first.
// usage: node bench/verify-jobs.mjs [records, default 1000000] [jobs, default 2] [rounds, default 3]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './lib/audit.mjs';
import { sealedFile } from './lib/sealed-file.mjs';

const count = Number(process.argv[2] ?? 1_000_000);
const jobs = Number(process.argv[3] ?? 2);
const rounds = Number(process.argv[4] ?? 3);

async function seconds(file, options) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  await audit(file, options);
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1000, parent: (user + system) / 1e6 };
}

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-bench-'));
try {
  for (const mode of ['mac', 'signing']) {
    const file = await sealedFile(mode, folder, count);
    for (let round = 0; round < rounds; round++) {
      const one = await seconds(file, {});
      const more = await seconds(file, { jobs });
      const gain = (one.wall / more.wall).toFixed(2);
      const own = `this process was busy for ${more.parent.toFixed(2)} s of CPU time, alone for ${one.parent.toFixed(2)} s`;
      console.log(
        `verify ${mode.padEnd(8)} ${one.wall.toFixed(2)} s, with ${jobs} jobs ${more.wall.toFixed(2)} s: ${gain} times as fast; ${own}`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
