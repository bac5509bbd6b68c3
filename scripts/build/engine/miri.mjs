import { join } from 'node:path';
import { capture } from '../../lib/run.mjs';
import { toolCache } from '../../lib/tool-cache.mjs';

/** Miri comes with nightly toolchains alone, and not with each of them. */
const TOOLCHAIN = 'nightly-2026-05-20';
/** What the tests are told; Miri keeps everything else of the environment from them, and gives them the same randomness each time. */
const TOLD = ['PROPTEST_CASES', 'PROPTEST_DISABLE_FAILURE_PERSISTENCE'];

/** How the tests of the crate are run by Miri, an interpreter that finds undefined behaviour; its toolchain is installed where it is not there yet. */
export function miri(cases) {
  capture('rustup', ['toolchain', 'install', TOOLCHAIN, '--profile=minimal', '--component=miri,rust-src']);
  return {
    command: 'rustup',
    args: ['run', TOOLCHAIN, 'cargo', 'miri', 'test', '--locked', '--package=fapilog-tamper-engine'],
    env: {
      PROPTEST_CASES: String(cases),
      PROPTEST_DISABLE_FAILURE_PERSISTENCE: 'true',
      CARGO_TARGET_DIR: join(toolCache(), 'engine-miri'),
      MIRIFLAGS: [...TOLD.map((name) => `-Zmiri-env-forward=${name}`), process.env.MIRIFLAGS].join(' ').trim(),
    },
  };
}
