import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { toolCache } from './tool-cache.mjs';

/** Programs in Go that tests and pages call: built once on a machine, outside the tree. */
const MODULES = {
  actionlint: { module: 'github.com/rhysd/actionlint', package: 'cmd/actionlint', version: 'v1.7.12' },
  fsck: { module: 'github.com/transparency-dev/tessera', package: 'cmd/fsck', version: 'v1.0.4' },
  cosign: { module: 'github.com/sigstore/cosign/v2', package: 'cmd/cosign', version: 'v2.5.0' },
};

const folder = join(toolCache(), 'go-tools');
/** The first build of a large program on a small machine, in milliseconds. */
const PATIENCE = 3_000_000;

/** The path of a program of this version, which is built first where it is not there yet. */
export function goTool(name) {
  const { module, package: path, version } = MODULES[name];
  const program = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
  const built = spawnSync('go', ['version', '-m', program], { encoding: 'utf8' });
  if (built.status === 0 && new RegExp(`\\tmod\\t${module}\\t${version}\\b`).test(built.stdout)) return program;
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder };
  const made = spawnSync('go', ['install', `${module}/${path}@${version}`], {
    env,
    encoding: 'utf8',
    timeout: PATIENCE,
  });
  if (made.status !== 0) throw new Error(`${name} cannot be built: ${made.error?.message ?? made.stderr.slice(-2000)}`);
  return program;
}
