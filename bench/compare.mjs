// What a core seals and verifies in a second: this package with each engine, systemd-journald with Forward Secure Sealing, and
// syslog-ng's secure logging, beside what the machine's SHA-256 allows. The same lines for all, CPU time of the whole process that
// seals or verifies; all take turns in every round, and each run is checked to hold every line. What is not installed comes from
// Debian into a cache of its own; what cannot be had is named. Run `npm run build` and `npm run build -- engine` first.
// usage: node bench/compare.mjs [lines, default 1000000] [rounds, default 5] [CPU to stay on, or - for none] [--write]
// --write puts the table into docs/benchmarks.md and the chart into docs/benchmark.svg. BENCH_DIR: a folder on the disk to measure on.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './compare/chart.mjs';
import { journald } from './compare/journald.mjs';
import { ours } from './compare/ours.mjs';
import { slog } from './compare/slog.mjs';
import { table } from './compare/table.mjs';
import { ceiling, fourHashes, rawCeiling } from './lib/ceiling.mjs';
import { median } from './lib/median.mjs';
import { writeRecords } from './lib/records.mjs';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean' } } });
const lines = Number(positionals[0] ?? 1_000_000);
const rounds = Number(positionals[1] ?? 5);
const cpu = positionals[2] === '-' ? undefined : positionals[2];
const lineBytes = 280;
const BEGIN = '<!-- written by: node bench/compare.mjs --write -->';
const END = '<!-- end -->';
const page = new URL('../docs/benchmarks.md', import.meta.url);
const picture = new URL('../docs/benchmark.svg', import.meta.url);

const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'fapilog-tamper-compare-'));
try {
  const input = join(folder, 'input');
  writeRecords(input, lines, lineBytes);
  const { systems, absent } = found();
  const results = await measured(systems, input);
  const report = { ...results, absent, machine: cpus()[0].model.trim(), date: today(), lines, lineBytes, rounds };
  const markdown = table(report);
  console.log(markdown);
  if (values.write) {
    writeFileSync(picture, chart(report));
    const text = readFileSync(page, 'utf8');
    const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
    if (before < 0 || after < before) throw new Error('docs/benchmarks.md has no place for the table');
    writeFileSync(page, `${text.slice(0, before)}${BEGIN}\n\n${markdown}\n\n${text.slice(after)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What can be run here, and of the rest why not. */
function found() {
  const absent = [{ name: 'fapilog-tamper for Python', reason: 'it is not published to any registry' }];
  const systems = ours();
  for (const [name, find] of [
    ['systemd-journald', journald],
    ['syslog-ng', slog],
  ]) {
    try {
      systems.push(...find());
    } catch (error) {
      absent.push({ name, reason: error.message.split('\n')[0] });
    }
  }
  return { systems, absent };
}

async function measured(systems, input) {
  const runs = new Map(systems.map(({ name }) => [name, []]));
  const raw = [];
  const calls = [];
  for (let at = 0; at < rounds; at++) {
    for (const { name, round } of systems) runs.get(name).push(round({ folder, input, lines, cpu }));
    const { size } = runs.get(systems[0].name)[0];
    const leafBytes = Math.round(size / lines); // one byte before the line, instead of the LF behind it
    raw.push(await rawCeiling(leafBytes));
    calls.push(await ceiling(fourHashes, leafBytes));
  }
  const rate = (name, what) => median(runs.get(name).map((run) => lines / run[what]));
  return {
    rows: systems.map(({ name, version, isOurs }) => {
      return { name, version, isOurs, seal: rate(name, 'seal'), verify: rate(name, 'verify') };
    }),
    ceilings: [
      { name: 'four SHA-256 a line, without a call for each', rate: median(raw) },
      { name: 'four calls of node:crypto a line', rate: median(calls) },
    ],
  };
}

function today() {
  return new Date().toISOString().slice(0, 10);
}
