// Lives through nights of audits with an attacker at the storage: npm run nights -- [--seed S] [--count N] [--only ATTACK,…] [--shrink] [--tree DIR].
// --tree: the sources of another tree are audited with, such as those of the last release.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './lib/run.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    only: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    tree: { type: 'string' },
  },
});
const program = [`--import=${root}test/child/typescript.mjs`];
if (values.tree !== undefined) {
  process.env.NIGHTS_TREE = resolve(values.tree);
  program.push(`--import=${root}test/nights/tree.mjs`);
}
program.push(`${root}test/nights/main.ts`, '--seed', values.seed, '--count', values.count);
if (values.only !== undefined) program.push('--only', values.only);
if (values.shrink) program.push('--shrink');
process.exit(run(process.execPath, program));
