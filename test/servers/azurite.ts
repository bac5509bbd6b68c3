import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeOf } from '../support/other-node.ts';
import { installLock, toolCache } from '../support/tool-cache.ts';
import { freePort } from './free-port.ts';
import { type RunningServer, startServerProcess } from './server-process.ts';

const run = promisify(execFile);
const VERSION = '3.37.0';

/** Installs it where that was not done before. @returns the path of the program of its blob service */
async function ensureInstalled(): Promise<string> {
  const place = join(toolCache(), `azurite-${VERSION}`);
  const program = join(place, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  await mkdir(place, { recursive: true });
  const release = await installLock(`${place}.lock`);
  try {
    if (existsSync(program)) return program;
    await writeFile(join(place, 'package.json'), '{"private":true}\n');
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `azurite@${VERSION}`];
    await run('npm', args, { cwd: place, timeout: 580_000 });
    return program;
  } finally {
    await release();
  }
}

/** Azurite, Microsoft's emulator of Azure Storage, in memory. It needs a newer Node.js than we do. */
export async function startAzurite(account: string, key: string): Promise<RunningServer> {
  const [program, command] = [await ensureInstalled(), await nodeOf(24)];
  const port = await freePort();
  const args = [program, '--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence'];
  const flags = ['--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  return startServerProcess({
    name: `azurite ${VERSION}`,
    command,
    args: [...args, ...flags],
    env: { AZURITE_ACCOUNTS: `${account}:${key}` },
    port,
    readyPath: '/',
    readyStatus: 400, // it is no request, but an answer
  });
}
