// One run of vitest and what its report says: how many tests, which failed, and where the time went.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { finished, root, run, tool } from '../lib/run.mjs';

/** Runs vitest; its exit code, and its report, which is undefined if vitest ended without one. */
export function runVitest(args, reportFile) {
  const { vitest, env } = vitestCommand(args, reportFile);
  return outcomeOf(run(tool('vitest'), vitest, { env }), reportFile);
}

/** The same beside others, with what it printed; no report stays. @param more - variables */
export async function runVitestBeside(args, reportFile, more) {
  const { vitest, env } = vitestCommand(args, reportFile);
  const { code, output } = await finished(tool('vitest'), vitest, { env: { ...env, ...more } });
  const outcome = outcomeOf(code, reportFile);
  removeReport(reportFile);
  return { ...outcome, output };
}

function removeReport(reportFile) {
  for (const file of [reportFile, cpuFileOf(reportFile)]) rmSync(file, { force: true });
}

const cpuFileOf = (reportFile) => reportFile.replace(/\.json$/, '-cpu.txt');

function vitestCommand(args, reportFile) {
  mkdirSync(dirname(reportFile), { recursive: true });
  removeReport(reportFile);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  return { vitest: ['run', ...args, ...reporters], env: { ...process.env, TEST_CPU_FILE: cpuFileOf(reportFile) } };
}

function outcomeOf(code, reportFile) {
  try {
    return { code, report: JSON.parse(readFileSync(reportFile, 'utf8')), cpu: cpuOfFiles(cpuFileOf(reportFile)) };
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { code: code === 0 ? 1 : code, report: undefined };
  }
}

/** Seconds of CPU for each file: test/environment.ts writes them, a line for each project that ran the file. */
function cpuOfFiles(cpuFile) {
  const lines = existsSync(cpuFile) ? readFileSync(cpuFile, 'utf8').trim().split('\n') : [];
  const files = new Map();
  for (const [name, seconds] of lines.map((line) => line.split('\t'))) {
    files.set(name, (files.get(name) ?? 0) + Number(seconds));
  }
  return files;
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

/** Writes a table of what each stage and each test file cost, the dearest first, and prints its first rows. */
export function tellTimes(stages, { report, cpu }, file, most = 15) {
  const files = new Map();
  for (const { name, startTime, endTime, assertionResults } of report.testResults) {
    const { seconds, tests } = files.get(name) ?? { seconds: 0, tests: 0 };
    files.set(name, { seconds: seconds + (endTime - startTime) / 1000, tests: tests + assertionResults.length });
  }
  const row = (name, spent = 0, seconds = 0, tests = '') =>
    `| ${name} | ${spent.toFixed(1)} | ${seconds.toFixed(1)} | ${tests} |`;
  const rows = [
    '| stage or file | CPU s | clock s | tests |',
    '|---|---|---|---|',
    ...stages.map(({ name, cpu: spent, seconds }) => row(`**${name}**`, spent, seconds)),
    ...[...files]
      .sort(([a], [b]) => (cpu.get(b) ?? 0) - (cpu.get(a) ?? 0))
      .map(([name, { seconds, tests }]) => row(shortName(name), cpu.get(name), seconds, tests)),
  ];
  writeFileSync(file, `${rows.join('\n')}\n`);
  console.log(`\nWhere the time went (all ${files.size} files: ${shortName(file)}):`);
  for (const line of rows.slice(0, 2 + stages.length + most)) console.log(`  ${line}`);
}
