import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import { installLock } from './installed.ts';

const run = promisify(execFile);

/** Names under which distributions and vendors install it. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of the first one that starts; undefined where there is none. */
async function findChromium(): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    const path = await run('sh', ['-c', `command -v ${program} && ${program} --version >/dev/null 2>&1`]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined, // not installed, or a placeholder that only tells how to install it: the next name
    );
    if (path) return path;
  }
  return undefined;
}

/** @returns the path of the one that is there, or was installed */
export async function installChromium(): Promise<string> {
  const present = await findChromium();
  if (present !== undefined) return present;
  if (process.getuid?.() !== 0) {
    throw new Error(`tests in a browser need one of ${PROGRAMS.join(', ')} on PATH: apt-get install chromium`);
  }
  const release = await installLock(join(toolCache(), 'chromium.lock'));
  try {
    const installed = await findChromium(); // by another process meanwhile
    if (installed !== undefined) return installed;
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], { env });
    const path = await findChromium();
    if (path === undefined) throw new Error('apt-get installed chromium, yet it does not start');
    return path;
  } finally {
    await release();
  }
}
