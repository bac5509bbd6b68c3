// npm run check -- engine [-- NAME…]: format, clippy, crates (cargo-deny), tests and miri, or the named ones. All of them run, also
// after one has failed. PROPTEST_CASES says how many cases each property gets.
import { parseArgs } from 'node:util';
import { hindrance } from '../build/engine/cargo-build.mjs';
import { miri } from '../build/engine/miri.mjs';
import { cargo } from '../lib/cargo.mjs';
import { pythonTools } from '../lib/python-tools.mjs';
import { report, root, run } from '../lib/run.mjs';

/** What each one runs. */
const CHECKS = {
  format: () => ({ command: cargo, args: ['fmt', '--all', '--check'] }),
  clippy: () => ({ command: cargo, args: ['clippy', '--all-targets', '--locked', '--', '-D', 'warnings'] }),
  crates: () => ({
    command: `${pythonTools('deny')}/cargo-deny`,
    args: ['--locked', 'check', 'licenses', 'bans', 'sources'],
  }),
  tests: () => ({
    command: cargo,
    args: ['test', '--release', '--locked', '--package', 'fapilog-tamper-engine'],
    env: { PROPTEST_CASES: process.env.PROPTEST_CASES ?? '20000' },
  }),
  miri: () => miri(process.env.PROPTEST_CASES ?? 1),
};

const { positionals } = parseArgs({ allowPositionals: true });
const names = positionals.length > 0 ? positionals : Object.keys(CHECKS);
const unknown = names.filter((name) => CHECKS[name] === undefined);
report(
  [hindrance() ?? [], unknown.map((name) => `there is no check ${name}, but ${Object.keys(CHECKS).join(', ')}`)].flat(),
  `checking the engine: ${names.join(', ')}`,
);

const failed = names.filter((name) => {
  console.log(`\n== ${name}`);
  const started = Date.now();
  const { command, args, env } = CHECKS[name]();
  const code = run(command, args, { cwd: `${root}engine`, env: { ...process.env, ...env } });
  console.log(`${code === 0 ? 'ok' : 'FAILED'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return code !== 0;
});
process.exitCode = failed.length === 0 ? 0 : 1;
