// systemd-journald with Forward Secure Sealing.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { secondsOf } from '../lib/command/process-cost.mjs';
import { unpacked, versionOf } from './debian.mjs';

const script = fileURLToPath(new URL('./journald.sh', import.meta.url));

/** @throws why it cannot be run here */
export function journald() {
  const { root, env } = unpacked('systemd', ['systemd', 'libsystemd-shared']);
  const version = versionOf(join(root, 'bin/journalctl'), env);
  const how = { encoding: 'utf8', timeout: 600_000, maxBuffer: 2 ** 26, env: { PATH: process.env.PATH, ...env } };
  execFileSync('unshare', ['-rm', 'true']); // where not even this is allowed, it says so

  /** Seals and verifies the lines of `input`. @returns CPU seconds of the daemon and of `journalctl --verify` */
  function round({ folder, input, lines, cpu }) {
    const own = join(folder, 'journald');
    mkdirSync(own);
    try {
      const argv = ['-rm', 'bash', script, root, input, own, cpu === undefined ? '' : `taskset -c ${cpu}`];
      const said = execFileSync('unshare', argv, { ...how, stdio: ['ignore', 'pipe', 'pipe'] });
      const entries = Number(/^entries (\d+)$/m.exec(said)[1]);
      if (entries !== lines) throw new Error(`journald has ${entries} of ${lines} lines`);
      return { seal: secondsOf(/^seal .*$/m.exec(said)[0]), verify: secondsOf(/^verify .*$/m.exec(said)[0]) };
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  }
  return [{ name: 'journald, FSS', version, round }];
}
