import { delimiter, dirname, join } from 'node:path';
import { installOnce } from '../lib/packed.mjs';
import { capture, run } from '../lib/run.mjs';
import { programOf } from '../lib/runtimes.mjs';
import { toolCache } from '../lib/tool-cache.mjs';

/**
 * What makes a release, beside package-lock.json (compiler, bundlers) and scripts/lib/python-tools.mjs (zig, cargo-zigbuild).
 * Others give other bytes: the compressor is Node.js's, the order of a tarball npm's.
 */
export const NAMED = { runtime: 'node-24', npm: '11.19.1', rust: '1.95.0' };

/** A package of the npm registry with what it needs beside it, installed outside the tree; returns its node_modules. */
export const npmTool = (wanted, ...beside) =>
  installOnce(join(toolCache(), 'npm', wanted.replaceAll('/', '-')), [wanted, ...beside]);

/** The variable that chooses the named Rust, which is installed where rustup has another one. */
function rustEnvironment() {
  const here = capture('rustc', ['--version']);
  if (here.startsWith(`rustc ${NAMED.rust} `)) return {};
  capture('rustup', ['toolchain', 'install', NAMED.rust, '--profile', 'minimal']);
  return { RUSTUP_TOOLCHAIN: NAMED.rust };
}

/** Runs a script of ours to its end with the named tools first on the path, and ends with its exit code unless that is 0. */
export function withNamedTools(script) {
  const node = programOf(NAMED.runtime);
  const path = [dirname(node), join(npmTool(`npm@${NAMED.npm}`), '.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, ...rustEnvironment(), PATH: path, LC_ALL: 'C', TZ: 'UTC' };
  const code = run(node, [script], { env });
  if (code !== 0) process.exit(code);
}
