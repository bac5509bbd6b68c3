import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfiguredKey, modeOf, type ResolvedConfig } from '../config/index.ts';
import { systemCode, TamperError, type TamperErrorCode } from '../errors.ts';
import { causeAbout, shown } from '../foundation/key-like.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { malformed } from './internal/key-text.ts';
import { LocalKeyProvider, type LocalKeyText, type LocalKeyUse } from './internal/local-provider.ts';

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

/** No key text is longer, in bytes. */
const maxFileBytes = 8192;

/** Keys from files that nobody but their owner may read. */
export class FileKeyProvider extends LocalKeyProvider implements KeyProvider {
  constructor(options: FileKeyOptions) {
    super({
      source: 'file',
      raw: true,
      read: async (keyId, use) => readKeyFile(await pathOf(options, keyId, use)),
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

async function pathOf(options: FileKeyOptions, keyId: string, use: LocalKeyUse): Promise<string> {
  const location = use === 'data key' ? options.dataKeys : options.signingKeys;
  if (location === undefined) throw notFound(`no file is configured for the ${use} "${keyId}"`, `configure a ${use}`);
  if (await isDirectory(location.path)) {
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

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

async function readKeyFile(path: string): Promise<LocalKeyText> {
  let handle: FileHandle;
  try {
    // a FIFO must not block us; Windows has none, nor the flag
    handle = await open(path, process.platform === 'win32' ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError(path, cause);
  }
  const place = `file ${path}`;
  const buffer = Buffer.alloc(maxFileBytes + 1);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw malformed(place, 'is not a regular file');
    if (process.platform !== 'win32' && othersMayRead(stats)) throw tooOpen(path, stats.mode);
    const length = await readAll(handle, buffer);
    if (length > maxFileBytes) throw malformed(place, `is longer than ${maxFileBytes} bytes`);
    const bytes = Buffer.alloc(length);
    bytes.set(buffer.subarray(0, length));
    return { bytes, place };
  } catch (cause) {
    throw cause instanceof TamperError ? cause : fileError(path, cause);
  } finally {
    buffer.fill(0);
    await handle.close();
  }
}

/**
 * Whether somebody else may read it, but for the group that root gave it to: a Kubernetes secret with `fsGroup` and a systemd
 * credential have mode 0440 and belong to root, because the process must not own them.
 */
function othersMayRead({ uid, mode }: Stats): boolean {
  const isGivenByRoot = uid === 0 && process.geteuid?.() !== 0;
  return (mode & (isGivenByRoot ? 0o037 : 0o077)) !== 0;
}

async function readAll(handle: FileHandle, buffer: Buffer): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function tooOpen(path: string, mode: number): TamperError {
  const bits = (mode & 0o777).toString(8).padStart(4, '0');
  return new TamperError(
    'KEY_FILE_PERMISSIONS',
    `users other than its owner may access the key file ${path} (mode ${bits})`,
    {
      hint: `Run: chmod 600 '${path.replaceAll("'", "'\\''")}' (a Kubernetes secret: defaultMode 0440 with fsGroup)`,
    },
  );
}

function notFound(message: string, hint: string): TamperError {
  return new TamperError('KEY_NOT_FOUND', message, { hint });
}

function fileError(path: string, error: unknown): TamperError {
  const reason = systemCode(error) || 'unknown';
  const place = shown(path);
  const cause = causeAbout(path, error);
  const known = fileErrors.get(reason);
  if (known === undefined) return new TamperError('READ_FAILED', `cannot read the key file ${place}: ${reason}`, cause);
  return new TamperError(known.code, `${known.problem}: ${place}`, { ...cause, hint: known.hint });
}

const fileErrors: ReadonlyMap<string, { code: TamperErrorCode; problem: string; hint: string }> = new Map([
  [
    'ENOENT',
    {
      code: 'KEY_NOT_FOUND',
      problem: 'there is no key file',
      hint: 'Check key_file_path; `fapilog-tamper keygen` makes a key',
    },
  ],
  ['ENOTDIR', { code: 'KEY_NOT_FOUND', problem: 'there is no key file', hint: 'Part of the path is not a directory' }],
  [
    'EACCES',
    {
      code: 'ACCESS_DENIED',
      problem: 'we may not read the key file',
      hint: 'Make the user that runs this process its owner',
    },
  ],
  [
    'EPERM',
    {
      code: 'ACCESS_DENIED',
      problem: 'we may not read the key file',
      hint: 'Make the user that runs this process its owner',
    },
  ],
]);
