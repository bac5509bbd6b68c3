// The nightly tier: every campaign, emulator, soak, kill, browser and page that takes longer than people wait for.
// Each is an item, run by itself. What has passed for a commit is not run again, so that an interrupted night goes on.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { filesBelow } from '../lib/files.mjs';
import { atOnce, finished, root } from '../lib/run.mjs';
import { resultOf, runVitestBeside } from './vitest.mjs';

/** Seconds that each item took when it was measured: slices are cut by their proportions. `--record` writes them anew. */
const SECONDS_FILE = `${root}scripts/test/nightly-seconds.json`;
const STATE_FILE = `${root}coverage/nightly.json`;
/** A whole tier in so many landings, on average. */
export const SLICES = 12;

const npmCheck = (...names) => [process.execPath, 'scripts/check.mjs', ...names];

/** Programs of the nightly tier that are not a test file; each counts as one test. `whole`: in no slice, only in the whole tier. */
const PROGRAMS = {
  'attacks, vectors and parallel reading with the native engine': {
    vitest: ['--project', 'native nightly*'],
    env: { FAPILOG_TEST_CASES: 'all' },
  },
  'both engines on 300,000 lines and 15,000 mutants': {
    vitest: [
      '--project',
      'native',
      '--project',
      'native, alone',
      'test/engine/native-equality.test.ts',
      'test/engine/native-reports.test.ts',
    ],
    env: { ENGINE_LINES: '300000', ENGINE_MUTANTS: '15000' },
  },
  // it needs a toolchain that only rustup's own server has
  'the crate under Miri': { command: npmCheck('engine', 'miri'), whole: true },
  'the container image': { command: npmCheck('image') },
  'pages of docs/': { command: npmCheck('docs') },
  // each builds seven engines
  'a release, all but its last step': { command: [process.execPath, 'scripts/release.mjs', '--dry-run'], whole: true },
  'a release, built twice': { command: [process.execPath, 'scripts/release.mjs', '--reproduce'], whole: true },
};

/** test/support/tier.ts */
const ALL_CASES = { FAPILOG_TEST_CASES: 'all' };

export function nightlyItems() {
  const files = filesBelow('test', /\.nightly\.test\.ts$/);
  const seconds = JSON.parse(readFileSync(SECONDS_FILE, 'utf8'));
  const items = [
    ...files.map((file) => ({ name: file, vitest: ['--project', 'nightly', file], env: ALL_CASES })),
    ...partlyQuick().map((file) => ({
      name: `${file}, all cases`,
      vitest: ['--project', projectOf(file), file],
      env: ALL_CASES,
    })),
    ...Object.entries(PROGRAMS).map(([name, program]) => ({ name, ...program })),
  ];
  return items.map((item) => ({ ...item, seconds: seconds[item.name] ?? 30 }));
}

const projectOf = (file) =>
  file.startsWith('test/integration/') ? 'integration*' : file.startsWith('test/engine/native') ? 'native*' : 'unit*';

/** Test files of the quick tier that take a part of their cases there (test/support/tier.ts). */
function partlyQuick() {
  return filesBelow('test', /(?<!\.nightly)\.test\.ts$/).filter((file) =>
    readFileSync(root + file, 'utf8').includes('support/tier.ts'),
  );
}

/** The items in so many slices of about the same length: the longest first, each to the slice that has least. */
export function slicesOf(items, count = SLICES) {
  const slices = Array.from({ length: count }, () => ({ seconds: 0, items: [] }));
  for (const item of items
    .filter(({ whole }) => whole !== true)
    .sort((a, b) => b.seconds - a.seconds || (a.name < b.name ? -1 : 1))) {
    const least = slices.reduce((one, other) => (other.seconds < one.seconds ? other : one));
    least.items.push(item);
    least.seconds += item.seconds;
  }
  return slices.map(({ items: chosen }) => chosen);
}

/** Which slice a commit gets: the first digits of its hash, so that nobody chooses it. */
export const sliceOfCommit = (hash, count = SLICES) => Number.parseInt(hash.slice(0, 8), 16) % count;

const head = () => spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();

function readState(commit) {
  try {
    const state = JSON.parse(readFileSync(STATE_FILE, 'utf8'));
    if (state.commit === commit) return state;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return { commit, items: {} };
}

/** What an item printed and came to. @param place - tells apart those that run at the same time */
async function runItem(item, place) {
  if (item.vitest !== undefined) {
    const reportFile = `${root}coverage/nightly-${place}.json`;
    const { output, ...outcome } = await runVitestBeside(item.vitest, reportFile, item.env);
    return { output, ...resultOf(outcome) };
  }
  const [command, ...args] = item.command;
  const { code, output } = await finished(command, args);
  return code === 0
    ? { output, passed: 1, failed: 0, failures: [] }
    : { output, passed: 0, failed: 1, failures: [`${item.name}: exit code ${code}`] };
}

/** Items at the same time: most wait for one process of theirs, or for a server. */
export const AT_ONCE = Math.min(2, availableParallelism());

/** Runs the items that have not passed yet for this commit, the longest first, and says what each came to. */
export async function runNightly(items, { again = false, record = false } = {}) {
  const commit = head();
  const state = readState(commit);
  const total = { passed: 0, failed: 0, failures: [] };
  const longestFirst = items.toSorted((a, b) => b.seconds - a.seconds);
  await atOnce(AT_ONCE, longestFirst, async (item, index) => {
    const place = `${index + 1} of ${items.length}: ${item.name}`;
    let result = state.items[item.name];
    if (again || result === undefined || result.failed > 0) {
      console.log(`--- ${place} (about ${item.seconds} s)`);
      const started = performance.now();
      const { output, ...found } = await runItem(item, index + 1);
      result = { ...found, seconds: Math.round((performance.now() - started) / 1000) };
      console.log(`\n=== ${place}\n${output}`);
      state.items[item.name] = result;
      mkdirSync(`${root}coverage`, { recursive: true });
      writeFileSync(STATE_FILE, JSON.stringify(state, undefined, 1));
    } else console.log(`--- ${place}: passed before for this commit`);
    total.passed += result.passed;
    total.failed += result.failed;
    total.failures.push(...result.failures);
  });
  console.log('\n| nightly item | seconds | passed | failed |\n|---|---|---|---|');
  for (const { name } of items) {
    const { seconds, passed, failed } = state.items[name];
    console.log(`| ${name} | ${seconds} | ${passed} | ${failed} |`);
  }
  if (record) {
    const names = new Set(nightlyItems().map(({ name }) => name));
    const known = Object.entries(JSON.parse(readFileSync(SECONDS_FILE, 'utf8'))).filter(([name]) => names.has(name));
    const now = items.map(({ name }) => [name, state.items[name].seconds]);
    const seconds = Object.fromEntries(Object.entries(Object.fromEntries([...known, ...now])).sort());
    writeFileSync(SECONDS_FILE, `${JSON.stringify(seconds, undefined, 2)}\n`);
  }
  return total;
}
