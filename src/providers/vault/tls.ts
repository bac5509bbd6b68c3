import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { TamperError } from '../../errors.ts';
import { openRegularSync } from '../../foundation/regular-file.ts';

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

/**
 * Reads the files. A CA that is given replaces Node's own list, as it does for the `vault` command.
 *
 * @throws {TamperError} `CONFIG_UNREADABLE`: a file cannot be read; `CONFIG_INVALID`: a certificate without its key
 */
export function loadTls(sources: VaultTlsSources): VaultTls {
  const { clientCertFile, clientKeyFile, serverName, skipVerify } = sources;
  if ((clientCertFile === undefined) !== (clientKeyFile === undefined)) {
    throw new TamperError('CONFIG_INVALID', 'Vault: a client certificate needs both its file and its key file');
  }
  const ca = certificateAuthorities(sources);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertFile === undefined ? {} : { cert: read(clientCertFile, 'client certificate') }),
    ...(clientKeyFile === undefined ? {} : { key: read(clientKeyFile, 'client key') }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(skipVerify ? { rejectUnauthorized: false } : {}),
  };
}

function certificateAuthorities(sources: VaultTlsSources): string[] | undefined {
  const { caFile, caPem, caDirectory } = sources;
  if (caFile !== undefined) return [read(caFile, 'CA').toString()];
  if (caPem !== undefined) return [caPem];
  if (caDirectory === undefined) return undefined;
  const files = list(caDirectory).filter((name) => /\.(pem|crt|cer)$/.test(name));
  return [...rootCertificates, ...files.map((name) => read(join(caDirectory, name), 'CA').toString())];
}

function read(path: string, what: string): Buffer {
  try {
    const { fd } = openRegularSync(path);
    try {
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new TamperError('CONFIG_UNREADABLE', `Vault: the ${what} file ${path} cannot be read`, { cause });
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    throw new TamperError('CONFIG_UNREADABLE', `Vault: the CA directory ${path} cannot be read`, { cause });
  }
}
