import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installLock, toolCache } from '../support/tool-cache.ts';
import { freePort } from './free-port.ts';
import { type RunningServer, startServerProcess } from './server-process.ts';

const run = promisify(execFile);
const VERSION = 'v1.56.1';

/** Builds it where that was not done before. @returns the path of its binary */
async function ensureBinary(): Promise<string> {
  const place = join(toolCache(), `fake-gcs-server-${VERSION}`);
  const binary = join(place, 'fake-gcs-server');
  await mkdir(place, { recursive: true });
  const release = await installLock(`${place}.lock`);
  try {
    if (existsSync(binary)) return binary;
    const env = { ...process.env, GOBIN: place };
    await run('go', ['install', `github.com/fsouza/fake-gcs-server@${VERSION}`], { env, timeout: 580_000 });
    return binary;
  } finally {
    await release();
  }
}

/** fake-gcs-server: Google Cloud Storage in memory, as the emulator of Firebase and Testcontainers. It checks no credentials. */
export async function startFakeGcs(): Promise<RunningServer> {
  const command = await ensureBinary();
  const port = await freePort();
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
  const name = `fake-gcs-server ${VERSION}`;
  return startServerProcess({ name, command, args, env: {}, port, readyPath: '/_internal/healthcheck' });
}
