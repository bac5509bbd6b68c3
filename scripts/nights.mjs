// Lives through nights of audits with an attacker at the storage: npm run nights -- [--seed S] [--count N] [--tree DIR].
// --tree: the sources of another tree are audited with, such as those of the last release.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './lib/run.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    tree: { type: 'string' },
  },
});
const program = [`--import=${root}test/child/typescript.mjs`];
if (values.tree !== undefined) {
  process.env.NIGHTS_TREE = resolve(values.tree);
  program.push(`--import=${root}test/nights/tree.mjs`);
}
program.push(`${root}test/nights/main.ts`, '--seed', values.seed, '--count', values.count);
process.exit(run(process.execPath, program));
