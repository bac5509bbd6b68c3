import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bench } from './bench.ts';
import { cases } from './cases.ts';

/**
 * What attackers once found at the doors, tried again on the built package of a tree: `npm run doors -- [--tree DIRECTORY]
 * [--only R1,K7]`. One row for each: whether it is found, and what its processes took, each next to what a process took that does the
 * same and meets nobody hostile.
 */

const { values } = parseArgs({
  options: {
    tree: { type: 'string', default: fileURLToPath(new URL('../../..', import.meta.url)) },
    only: { type: 'string' },
  },
});
const wanted = values.only?.split(',') ?? Object.keys(cases);
const bench = await Bench.open(values.tree);
let found = 0;
try {
  console.log('| id | found | peak above rest, MB | longest block, ms (at rest) | until the end, s |');
  console.log('|---|---|---|---|---|');
  for (const id of wanted) {
    const one = cases[id];
    if (one === undefined) throw new Error(`no case ${id}`);
    const runs = bench.begin();
    const finding = await one(bench);
    if (finding !== undefined) found++;
    const most = (values: readonly number[]): number => Math.max(0, ...values);
    const ends = runs.some(({ isEndless }) => isEndless)
      ? 'never'
      : most(runs.map(({ seconds }) => seconds)).toFixed(1);
    const peak = most(runs.map(({ peakMb, rest }) => peakMb - rest.peakMb));
    const block = `${most(runs.map(({ blockMs }) => blockMs))} (${most(runs.map(({ rest }) => rest.blockMs))})`;
    console.log(`| ${id} | ${finding ?? 'no'} | ${peak.toFixed(0)} | ${block} | ${ends} |`);
  }
} finally {
  await bench.close();
}
process.exitCode = found > 0 ? 1 : 0;
