import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { capture } from '../../lib/run.mjs';

const MINUTE = 60_000;
/** Containers that have not ended yet, and how runc is called for each. */
const running = new Map();

/** Ends containers that an error has left behind. */
export function endContainers() {
  for (const [id, state] of running) capture('runc', [...state, 'delete', '--force', id]);
}

/**
 * Starts a container as `docker run --interactive --read-only --cap-drop ALL --security-opt no-new-privileges --network none
 * --volume WORK:/work` would.
 *
 * @param image - its root file system, `rootfs`, and its configuration of OCI, `config`
 * @param folder - for the container; must not exist
 * @param more - `user` (numbers of user and group), `entrypoint` and `env`, if they are not those of the image
 */
export function start(
  { rootfs, config },
  folder,
  work,
  args,
  { user = config.User, entrypoint = config.Entrypoint, env = config.Env } = {},
) {
  mkdirSync(folder);
  capture('runc', ['spec', '--bundle', folder]);
  const file = join(folder, 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8'));
  const [uid, gid] = user.split(':').map(Number);
  Object.assign(spec.process, {
    terminal: false,
    user: { uid, gid },
    args: [...entrypoint, ...args],
    env,
    cwd: config.WorkingDir,
    capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    noNewPrivileges: true,
  });
  spec.root = { path: rootfs, readonly: true };
  spec.mounts.push({ destination: '/work', type: 'bind', source: work, options: ['rbind', 'rw'] });
  writeFileSync(file, JSON.stringify(spec));
  const id = `fapilog-tamper-${process.pid}-${basename(folder)}`;
  const state = ['--root', join(dirname(folder), 'runc')];
  running.set(id, state);
  const child = spawn('runc', [...state, 'run', '--bundle', folder, id]);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  child.stdin.on('error', () => undefined); // a program that does not read its input may end first
  const late = setTimeout(() => capture('runc', [...state, 'kill', id, 'KILL']), MINUTE);
  const ended = once(child, 'close').then(([code]) => {
    clearTimeout(late);
    running.delete(id);
    return { code, ...output };
  });
  return { stdin: child.stdin, output, ended, kill: (signal) => capture('runc', [...state, 'kill', id, signal]) };
}
