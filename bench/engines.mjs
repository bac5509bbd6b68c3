// How fast the commands `seal`, from standard input, and `verify` are with each engine: lines per second of CPU time of the whole
// process, and without its start (that of a run over a thousand lines). Records have salts or not. Medians; engines take turns in every round.
// Run `npm run build` and `npm run build -- engine` first.
// usage: node bench/engines.mjs [lines, default 1000000] [rounds, default 5] [CPU to stay on, default none]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ceiling, fourHashes } from './lib/ceiling.mjs';
import { macRound } from './lib/command/command-round.mjs';
import { median } from './lib/median.mjs';
import { writeRecords } from './lib/records.mjs';

const lines = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 5);
const cpu = process.argv[4];
const FEW = 1_000;
const LINE_BYTES = 280;
const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'fapilog-tamper-bench-'));
const round = (engine, count, salted) => macRound({ engine, folder, input: inputs.get(count), cpu, salted });
const kinds = ['typescript', 'native'].flatMap((engine) => [false, true].map((salted) => ({ engine, salted })));
const thousands = (value) => `${Math.round(value / 1000)}k/s`.padStart(9);

const inputs = new Map([FEW, lines].map((count) => [count, join(folder, `input-${count}`)]));
try {
  for (const [count, path] of inputs) writeRecords(path, count, LINE_BYTES);
  const results = new Map(kinds.map((kind) => [kind, []]));
  const ceilings = [];
  for (let at = 0; at < rounds; at++) {
    ceilings.push(await ceiling(fourHashes, LINE_BYTES + 70));
    for (const [{ engine, salted }, runs] of results)
      runs.push({ few: round(engine, FEW, salted), all: round(engine, lines, salted) });
  }
  for (const [{ engine, salted }, runs] of results) {
    for (const what of ['sealing', 'verifying']) {
      const whole = median(runs.map(({ all }) => lines / all[what].seconds));
      const net = median(runs.map(({ all, few }) => (lines - FEW) / (all[what].seconds - few[what].seconds)));
      const peak = Math.round(Math.max(...runs.map(({ all }) => all[what].peak)));
      console.log(
        `${what.padEnd(9)} mac  ${engine.padEnd(10)} ${salted ? 'salted' : 'plain '} whole process ${thousands(whole)}   without its start ${thousands(net)}   peak ${peak} MB   ${Math.round(runs[0].all.size / lines)} bytes a line`,
      );
    }
  }
  console.log(`four hashes of node:crypto, nothing else: ${thousands(median(ceilings))}   medians of ${rounds}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
