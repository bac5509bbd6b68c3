// The package as a registry would get it: publint, and the types of the packed tarball.
import { report, run, tool } from './lib/run.mjs';

const problems = [];
if (run(tool('publint'), ['--strict']) !== 0) problems.push('publint --strict');
if (run(tool('attw'), ['--pack', '.', '--profile', 'esm-only', '--format', 'ascii']) !== 0) problems.push('attw');
report(problems, 'publint and attw agree');
