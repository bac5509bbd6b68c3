// npm run check -- dist [-- arguments of node --test] [FILE…]: packs the project, installs the tarball into an empty folder,
// and runs the tests of test/dist/, each of which works in a copy of that folder.
import { filesBelow } from '../lib/files.mjs';
import { installInto, pack } from '../lib/packed.mjs';
import { run } from '../lib/run.mjs';

const given = process.argv.slice(2);
const isTest = (name) => name.endsWith('.test.mjs');
const tests = given.some(isTest) ? given.filter(isTest) : filesBelow('test/dist', /\.test\.mjs$/);
const packed = pack();
let code = 1;
try {
  installInto(packed.folder, [packed.tarball]);
  const { folder, files, tarball } = packed;
  code = run(
    process.execPath,
    ['--test', '--test-concurrency=2', ...given.filter((argument) => !isTest(argument)), ...tests],
    {
      env: { ...process.env, FAPILOG_TAMPER_PACKED: JSON.stringify({ folder, files, tarball }) },
    },
  );
} finally {
  packed.remove();
}
process.exitCode = code;
