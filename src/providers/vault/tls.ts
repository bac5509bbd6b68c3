import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { TamperError } from '../../errors.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { cannotRead } from './credential.ts';

/** What a TLS connection to Vault is made with, as `node:tls` takes it. */
export interface VaultTls {
  readonly ca?: string[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where TLS material comes from. */
export interface VaultTlsSources {
  readonly caFile: string | undefined;
  readonly caPem: string | undefined;
  readonly caDirectory: string | undefined;
  readonly clientCertFile: string | undefined;
  readonly clientKeyFile: string | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
}

/** @throws {TamperError} `CONFIG_INVALID`: a certificate without its key */
export function checkTls({ clientCertFile, clientKeyFile }: VaultTlsSources): void {
  if ((clientCertFile === undefined) === (clientKeyFile === undefined)) return;
  throw new TamperError('CONFIG_INVALID', 'Vault: a client certificate needs both its file and its key file');
}

/**
 * Reads the files. A CA that is given replaces Node's own list, as it does for the `vault` command.
 *
 * @throws {TamperError} `CONFIG_UNREADABLE`: a file cannot be read
 */
export async function loadTls(sources: VaultTlsSources): Promise<VaultTls> {
  const { clientCertFile, clientKeyFile, serverName, skipVerify } = sources;
  const ca = await certificateAuthorities(sources);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertFile === undefined ? {} : { cert: await read(clientCertFile, 'client certificate') }),
    ...(clientKeyFile === undefined ? {} : { key: await read(clientKeyFile, 'client key') }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(skipVerify ? { rejectUnauthorized: false } : {}),
  };
}

async function certificateAuthorities(sources: VaultTlsSources): Promise<string[] | undefined> {
  const { caFile, caPem, caDirectory } = sources;
  if (caFile !== undefined) return [(await read(caFile, 'CA')).toString()];
  if (caPem !== undefined) return [caPem];
  if (caDirectory === undefined) return undefined;
  const files = (await list(caDirectory)).filter((name) => /\.(pem|crt|cer)$/.test(name));
  const own = await Promise.all(files.map((name) => read(join(caDirectory, name), 'CA')));
  return [...rootCertificates, ...own.map(String)];
}

async function read(path: string, what: string): Promise<Buffer> {
  try {
    return await readBytes(path);
  } catch (cause) {
    throw cannotRead('CONFIG_UNREADABLE', `Vault: the ${what} file`, path, cause);
  }
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    throw cannotRead('CONFIG_UNREADABLE', 'Vault: the CA directory', path, cause);
  }
}
