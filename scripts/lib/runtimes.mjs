import { join } from 'node:path';
import { installOnce } from './packed.mjs';
import { toolCache } from './tool-cache.mjs';

const os = process.platform === 'win32' ? 'win' : process.platform;
const exe = process.platform === 'win32' ? '.exe' : '';

/** Each by the package that holds its program alone: the launchers fetch theirs in an install script, and we run none. */
export const RUNTIMES = {
  ...Object.fromEntries(
    ['20.20.2', '22.21.1', '24.21.0', '26.12.1'].map((version) => [
      `node-${version.slice(0, 2)}`,
      { package: `node-${os}-${process.arch}`, version, program: `bin/node${exe}`, args: [] },
    ]),
  ),
  bun: {
    package: `@oven/bun-${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch === 'arm64' ? 'aarch64' : 'x64'}`,
    version: '1.4.5',
    program: `bin/bun${exe}`,
    args: ['run'],
  },
  deno: {
    package: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`,
    version: '2.9.6',
    program: `deno${exe}`,
    args: ['run', '--allow-all', '--node-modules-dir=manual'],
  },
};

/** The path of a runtime, which is installed first if it is not there yet, outside the tree. */
export function programOf(name) {
  const { package: wanted, version, program } = RUNTIMES[name];
  const folder = join(toolCache(), 'runtimes', `${name}-${version}`);
  return join(installOnce(folder, [`${wanted}@${version}`]), wanted, program);
}
