import { join } from 'node:path';
import { nodeOf, npmPackage } from '../support/registry-tools.ts';
import { freePort } from './free-port.ts';
import { type RunningServer, startServerProcess } from './server-process.ts';

const VERSION = '3.37.0';

/** The account that it knows. */
export const ACCOUNT = 'auditlogs';
/** The account's key. */
export const ACCOUNT_KEY: string = Buffer.from('canary-account-key-of-the-store').toString('base64');

/** @returns the path of its program, and of a Node.js that it runs on */
export const installAzurite = (): Promise<[program: string, node: string]> =>
  Promise.all([npmPackage('azurite', VERSION).then((place) => join(place, 'dist/src/blob/main.js')), nodeOf(24)]);

/** Azurite, Microsoft's emulator of Azure Storage, in memory. It needs a newer Node.js than we do. */
export async function startAzurite(): Promise<RunningServer> {
  const [program, command] = await installAzurite();
  const port = await freePort();
  const args = [program, '--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence'];
  const flags = ['--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  return startServerProcess({
    name: `azurite ${VERSION}`,
    command,
    args: [...args, ...flags],
    env: { AZURITE_ACCOUNTS: `${ACCOUNT}:${ACCOUNT_KEY}` },
    port,
    readyPath: '/',
    readyStatus: 400, // it is no request, but an answer
  });
}
