import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';

/** The variable by which Google's own libraries find an emulator, or another address of the service. */
export const EMULATOR_HOST = 'STORAGE_EMULATOR_HOST';

/**
 * Reads `HOST:PORT`, `http://HOST:PORT` or `https://HOST`: without a scheme it is http on this host and https on another.
 *
 * @returns the origin, without a slash at the end
 * @throws {TamperError} `CONFIG_INVALID`: unreadable, or with a path, a query or a password, none of which is repeated;
 * `INSECURE_ENDPOINT`: plain http to another host
 */
export function parseStorageEndpoint(text: string): string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? text
    : `${isLoopback(hostOf(text)) ? 'http' : 'https'}://${text}`;
  if (!URL.canParse(full)) throw invalid('cannot be read');
  const { protocol, hostname, origin, pathname, search, hash, username, password } = new URL(full);
  if (protocol !== 'http:' && protocol !== 'https:') throw invalid('is neither http nor https');
  if (username !== '' || password !== '') throw invalid('has a password');
  // some of Google's libraries want the path in it, others add it
  if (!/^\/(?:storage\/v1\/?)?$/.test(pathname) || search !== '' || hash !== '') throw invalid('has a path or a query');
  if (protocol === 'http:' && !isLoopback(hostname)) {
    throw new TamperError('INSECURE_ENDPOINT', `Google Cloud Storage: ${EMULATOR_HOST} is plain http to another host`, {
      hint: 'Use https.',
    });
  }
  return origin;
}

function hostOf(text: string): string {
  return /^\[[^\]]*\]|^[^:/?#]*/.exec(text)?.[0] ?? '';
}

function invalid(why: string): TamperError {
  return new TamperError('CONFIG_INVALID', `Google Cloud Storage: ${EMULATOR_HOST} ${why}`, {
    hint: 'Write http://127.0.0.1:PORT for an emulator on this host, or https://HOST.',
  });
}
