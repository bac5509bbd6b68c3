// Fuzzes every parser, or the named ones: npm run fuzz -- --minutes N [--keep] [TARGET…]. What fails is kept in test/fuzz/corpus.
import { parseArgs } from 'node:util';
import { root, run } from './lib/run.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' }, keep: { type: 'boolean' } },
});
const seconds = Number(values.minutes) * 60;
if (!(seconds > 0)) throw new Error(`--minutes ${values.minutes}: how many minutes?`);
const options = [
  ...(values.seed === undefined ? [] : ['--seed', values.seed]),
  ...(values.keep === true ? ['--keep'] : []),
];
const program = [`--import=${root}test/child/typescript.mjs`, `${root}test/fuzz/main.ts`];
process.exit(run(process.execPath, [...program, '--seconds', String(seconds), ...options, ...positionals]));
