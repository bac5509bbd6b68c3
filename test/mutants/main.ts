import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Random } from '../fuzz/random.ts';
import { type Mutant, Sources } from './candidates.ts';
import { Copy } from './copy.ts';
import { Coverage } from './coverage.ts';

/**
 * npm run mutants -- [--seed S] [--count N] [--area verify|seal|audit] [--tree DIRECTORY] [--from RESULTS.json]
 *   [--out RESULTS.json] [--tests FILE,FILE]
 *
 * Changes one place of src/AREA at a time, in a copy of the tree's commit, and says whether a unit test notices. `--from` takes
 * the mutants that another run chose, of another commit, too, as far as their lines are still there. `--tests`: these files alone
 * are asked, whatever they cover.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    count: { type: 'string', default: '20' },
    area: { type: 'string', default: 'verify' },
    tree: { type: 'string', default: process.cwd() },
    from: { type: 'string' },
    out: { type: 'string' },
    tests: { type: 'string' },
  },
});

interface Result extends Mutant {
  readonly id: string;
  /** `killed by FILE`, `survived`, `equivalent: WHY`, `gone`, or, while only tests that cover the line have run, `unnoticed`. */
  outcome: string;
  seconds: number;
}

const equivalents: readonly { file: string; text: string; change: string; why: string }[] = JSON.parse(
  readFileSync(new URL('./equivalent.json', import.meta.url), 'utf8'),
);

const key = ({ text, change }: Mutant) => `${text}\0${change}`;

/** One mutant a line, all operators in turn; the rest of the shuffled ones only where too few compile. */
function choose(sources: Sources, area: string, seed: number, count: number): Mutant[] {
  const random = new Random(seed);
  const all = sources.files(`src/${area}`).flatMap((file) => sources.mutants(file));
  const shuffled = all.map((mutant) => ({ mutant, at: random.below(2 ** 32) })).sort((a, b) => a.at - b.at);
  const operators = [...new Set(all.map(({ operator }) => operator))].sort();
  const queues = operators.map((one) =>
    shuffled.map(({ mutant }) => mutant).filter(({ operator }) => operator === one),
  );
  const chosen: Mutant[] = [];
  while (chosen.length < count && queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) {
      const next = () => queue.shift();
      for (let mutant = next(); mutant !== undefined && chosen.length < count; mutant = next()) {
        const { file, line } = mutant;
        if (chosen.some((one) => one.file === file && one.line === line) || !sources.compiles(mutant)) continue;
        chosen.push(mutant);
        break;
      }
    }
  }
  return chosen;
}

/** What another run chose, in this tree: in the same file, or where the text went. */
function recall(sources: Sources, area: string, earlier: readonly Result[]): (Mutant | Result)[] {
  const all = sources.files(`src/${area}`).flatMap((file) => sources.mutants(file));
  return earlier.map((result) => {
    const same = all.filter((mutant) => key(mutant) === key(result));
    const before = earlier.filter((one) => key(one) === key(result) && one.start < result.start).length;
    const here = same.filter(({ file }) => file === result.file);
    return (here.length > 0 ? here : same)[before] ?? { ...result, outcome: 'gone', seconds: 0 };
  });
}

async function judge(copy: Copy, mutant: Result, files: readonly string[], silent: string): Promise<void> {
  const began = performance.now();
  mutant.outcome = await copy.with(mutant, async () => {
    let left = files;
    while (left.length > 0) {
      const { failed } = await copy.test(left, true);
      const [first] = failed;
      if (first === undefined) break;
      if (!left.includes(first) || (await copy.test([first], true)).failed.length > 0) return `killed by ${first}`;
      left = left.slice(left.indexOf(first) + 1); // it fails at times, of itself
    }
    return silent;
  });
  mutant.seconds += Math.round((performance.now() - began) / 1000);
}

const seed = Number(values.seed);
console.log(`seed ${seed}, ${values.count} mutants of src/${values.area}`);
const copy = new Copy(values.tree);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => copy.remove());
const sources = new Sources(copy.directory);
const earlier: readonly Result[] | undefined = values.from && JSON.parse(readFileSync(values.from, 'utf8')).mutants;
const chosen =
  earlier === undefined
    ? choose(sources, values.area, seed, Number(values.count))
    : recall(sources, values.area, earlier);
// a run that was stopped goes on
const done: Result[] = values.out && existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')).mutants : [];
const results = chosen.map((mutant, at): Result => {
  const known = equivalents.find((one) => one.file === mutant.file && key(one as unknown as Mutant) === key(mutant));
  const outcome = known === undefined ? 'not run' : `equivalent: ${known.why}`;
  const id = `${values.area}-${seed}-${at + 1}`;
  return { id, outcome, seconds: 0, ...mutant, ...done.find((one) => one.id === id && key(one) === key(mutant)) };
});
const keep = () => {
  const { commit } = copy;
  if (values.out)
    writeFileSync(values.out, JSON.stringify({ commit, seed, area: values.area, mutants: results }, null, 1));
};
const say = ({ id, file, line, operator, outcome, seconds, change }: Result) =>
  console.log(
    [id, `${file}:${line}`, operator, outcome, `${seconds} s`, change.replaceAll(/\s+/g, ' ').slice(0, 90)].join(' | '),
  );

const asked = values.tests?.split(',');
const coverage = asked === undefined ? await Coverage.of(copy) : undefined;
if (asked !== undefined) {
  const { failed } = await copy.test(asked, false);
  if (failed.length > 0) throw new Error(`they fail without a mutant: ${failed.join(', ')}`);
}
if (coverage !== undefined && coverage.failing.length > 0)
  console.log(`NOT ASKED, they fail without a mutant: ${coverage.failing.join(', ')}`);
for (const mutant of results.filter(({ outcome }) => outcome === 'not run')) {
  if (coverage === undefined) await judge(copy, mutant, asked ?? [], 'survived');
  else await judge(copy, mutant, coverage.covering(mutant), 'unnoticed');
  say(mutant);
  keep();
}
for (const mutant of results.filter(({ outcome }) => outcome === 'unnoticed')) {
  await judge(copy, mutant, coverage?.rest(coverage.covering(mutant)) ?? [], 'survived');
  keep();
}
console.log('\nid | place | operator | outcome | time | change');
for (const result of results) say(result);
const count = (start: string) => results.filter(({ outcome }) => outcome.startsWith(start)).length;
console.log(
  `${values.area}: ${count('killed')} killed, ${count('survived')} survived, ${count('equivalent')} equivalent, ${count('gone')} gone`,
);
