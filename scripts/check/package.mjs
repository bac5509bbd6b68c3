// The package as a registry would get it: publint, and the types of the packed tarball.
import { pack } from '../lib/packed.mjs';
import { report, run, tool } from '../lib/run.mjs';

const problems = [];
const packed = pack();
try {
  if (run(tool('publint'), ['run', packed.tarball, '--strict']) !== 0) problems.push('publint --strict');
  if (run(tool('attw'), [packed.tarball, '--profile', 'esm-only', '--format', 'ascii']) !== 0) problems.push('attw');
} finally {
  packed.remove();
}
report(problems, 'publint and attw agree');
