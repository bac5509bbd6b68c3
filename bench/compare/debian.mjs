// Programs of Debian that are not installed, unpacked into a folder outside the tree: nothing of the system is changed, and no
// right of root is needed. What the system has already is used as it is.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fapilog-tamper-bench');
const LIBRARIES = ['usr/lib/MACHINE', 'usr/lib/MACHINE/systemd', 'lib/MACHINE', 'usr/lib/syslog-ng'];

/**
 * The folder in which packages are unpacked, with those they need.
 *
 * @returns `root`, and `env` with which their programs find their libraries
 * @throws why they are not to be had
 */
export function unpacked(name, packages) {
  const root = join(cache, name);
  if (!existsSync(root)) unpack(root, packages);
  const machine = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const path = LIBRARIES.map((folder) => join(root, folder.replace('MACHINE', machine))).join(':');
  return { root, env: { LD_LIBRARY_PATH: path } };
}

function unpack(root, packages) {
  const apt = join(cache, 'apt');
  const archives = join(apt, 'archives');
  for (const folder of ['lists', 'archives']) mkdirSync(join(apt, folder, 'partial'), { recursive: true });
  const own = [
    'Debug::NoLocking=1',
    `APT::Sandbox::User=${userInfo().username}`,
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    `Dir::Cache::archives=${archives}`,
  ].flatMap((option) => ['-o', option]);
  run('apt-get', [...own, '-qq', 'update']);
  run('apt-get', [
    ...own,
    '-qq',
    '-y',
    '--no-install-recommends',
    '--reinstall',
    '--download-only',
    'install',
    ...packages,
  ]);
  const unfinished = `${root}.${process.pid}`;
  for (const archive of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
    run('dpkg', ['-x', join(archives, archive), unfinished]);
  }
  rmSync(archives, { recursive: true });
  renameSync(unfinished, root);
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: ${stderr.trim().split('\n').at(-1)}`);
}

/** The version of a package's program, as its first line says it. */
export function versionOf(program, env) {
  return execFileSync(program, ['--version'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } })
    .split('\n')[0]
    .trim();
}
