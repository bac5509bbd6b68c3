import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfiguredKey, modeOf, type ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { type Steps, waitFor } from '../foundation/steps.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { bytesOfKeyFile, fileError, MAX_KEY_FILE } from './internal/key-file.ts';
import { LocalKeyProvider, type LocalKeyUse } from './internal/local-provider.ts';

/** Where one kind of key lies. */
export interface KeyLocation {
  /** A file with one key, or a directory of `<key id>.key`. */
  readonly path: string;
  /** The id of the key in a file; without it a file answers to every id. In a directory the file's name is the id. */
  readonly keyId?: string;
  /** It has to be a directory. Default false. */
  readonly directoryOnly?: boolean;
}

/** Which files hold which keys. */
export interface FileKeyOptions {
  /** Data keys: 32 bytes, raw or as base64, base64url or hex. */
  readonly dataKeys?: KeyLocation;
  /** Ed25519 signing keys: a seed like a data key, or PKCS#8 PEM. */
  readonly signingKeys?: KeyLocation;
}

/** Keys from files that nobody but their owner may read. */
export class FileKeyProvider extends LocalKeyProvider implements KeyProvider {
  constructor(options: FileKeyOptions) {
    super({
      source: 'file',
      raw: true,
      *read(keyId, use) {
        const path = yield* pathOf(options, keyId, use);
        return { bytes: yield* bytesOfKeyFile(path, MAX_KEY_FILE), place: `file ${path}` };
      },
    });
  }
}

/** The provider for what a configuration takes from files. */
export function createFileProvider(config: ResolvedConfig): FileKeyProvider {
  const { dataKey, signingKey } = modeOf(config);
  const signingPath = dataKey === undefined ? config.keyFilePath : (config.signingKeyFilePath ?? config.keyFilePath);
  // beside a data key of its own a signing key must not be the same bytes: whoever has the one would have the other
  const beside = dataKey?.source === 'file' && config.signingKeyFilePath === undefined;
  return new FileKeyProvider({
    ...locationOf('dataKeys', dataKey, config.keyFilePath),
    ...locationOf('signingKeys', signingKey, signingPath, beside),
  });
}

function locationOf(
  use: keyof FileKeyOptions,
  key: ConfiguredKey | undefined,
  path: string | undefined,
  directoryOnly = false,
): FileKeyOptions {
  return key?.source === 'file' && path !== undefined ? { [use]: { path, keyId: key.keyId, directoryOnly } } : {};
}

function* pathOf(options: FileKeyOptions, keyId: string, use: LocalKeyUse): Steps<string> {
  const location = use === 'data key' ? options.dataKeys : options.signingKeys;
  if (location === undefined) throw notFound(`no file is configured for the ${use} "${keyId}"`, `configure a ${use}`);
  if (yield* isDirectory(location.path)) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._@=+-]{0,127}$/.test(keyId)) {
      throw notFound(
        `"${keyId.slice(0, 128)}" cannot be the name of a key file in ${location.path}`,
        'use letters, digits and ._@=+-',
      );
    }
    return join(location.path, `${keyId}.key`);
  }
  if (location.directoryOnly === true) {
    throw new TamperError(
      'CONFIG_INVALID',
      `no file is configured for the ${use} "${keyId}": key_file_path is a single key`,
      {
        hint: 'Set signing_key_file_path (post_quantum_key_file_path), or let key_file_path be a directory of <key_id>.key',
      },
    );
  }
  if (location.keyId !== undefined && location.keyId !== keyId) {
    throw notFound(
      `the key file ${location.path} holds the ${use} "${location.keyId}", not "${keyId}"`,
      'for several keys name a directory of <key_id>.key',
    );
  }
  return location.path;
}

function* isDirectory(path: string): Steps<boolean> {
  try {
    const found = yield* waitFor(
      () => stat(path),
      () => statSync(path),
    );
    return found.isDirectory();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function notFound(message: string, hint: string): TamperError {
  return new TamperError('KEY_NOT_FOUND', message, { hint });
}
