// One run of vitest and what its report says: how many tests, which failed, and where the time went.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { root, run, tool } from '../lib/run.mjs';

/** Runs vitest; its exit code, and its report, which is undefined if vitest ended without one. */
export function runVitest(args, reportFile, options = {}) {
  mkdirSync(dirname(reportFile), { recursive: true });
  rmSync(reportFile, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const code = run(tool('vitest'), ['run', ...args, ...reporters], options);
  try {
    return { code, report: JSON.parse(readFileSync(reportFile, 'utf8')) };
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { code: code === 0 ? 1 : code, report: undefined };
  }
}

const shortName = (file) => file.replace(root, '');

/** What a report comes to. A file that failed without a failed test, because it could not be loaded, counts as one failure. */
export function resultOf({ code, report }) {
  if (report === undefined) return { passed: 0, failed: 1, failures: ['vitest left no report'] };
  const failures = report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length > 0) {
      return failed.map(
        (test) => `${shortName(file.name)}: ${test.fullName}: ${brief(test.failureMessages.join(' '))}`,
      );
    }
    return file.status === 'failed' ? [`${shortName(file.name)}: ${brief(file.message)}`] : [];
  });
  const passed = report.numPassedTests;
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code} although no test failed`);
  if (passed === 0 && failures.length === 0) failures.push('no test ran');
  return { passed, failed: failures.length, failures };
}

const brief = (text) => text.split('\n').slice(0, 6).join(' | ').slice(0, 900);

/** Writes a table of the seconds that each stage and each test file took, and prints its longest rows. */
export function tellTimes(stages, report, file, most = 15) {
  const files = report.testResults
    .map(({ name, startTime, endTime, assertionResults }) => ({
      name: shortName(name),
      seconds: (endTime - startTime) / 1000,
      tests: assertionResults.length,
    }))
    .sort((a, b) => b.seconds - a.seconds);
  const row = (name, seconds, tests = '') => `| ${name} | ${seconds.toFixed(1)} | ${tests} |`;
  const head = ['| stage or file | seconds | tests |', '|---|---|---|'];
  const ofStages = stages.map(({ name, seconds }) => row(`**${name}**`, seconds));
  const ofFiles = files.map(({ name, seconds, tests }) => row(name, seconds, tests));
  writeFileSync(file, `${[...head, ...ofStages, ...ofFiles].join('\n')}\n`);
  console.log(`\nWhere the time went (all ${files.length} files: ${shortName(file)}):`);
  for (const line of [...ofStages, ...ofFiles.slice(0, most)]) console.log(`  ${line}`);
}
