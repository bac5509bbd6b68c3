import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';

/** Where the service is. */
export interface GcpEndpoint {
  readonly host: string;
  readonly port: number;
  /** Whether connections are TLS; undefined where loopback is named without a scheme and the server is to be asked. */
  readonly tls: boolean | undefined;
  readonly loopback: boolean;
}

/**
 * Reads `HOST`, `HOST:PORT`, `https://HOST[:PORT]` and `http://HOST[:PORT]`. The message never repeats what may be a password.
 *
 * @throws {TamperError} `CONFIG_INVALID`: unreadable, or with a path, query or password; `INSECURE_ENDPOINT`: plaintext to
 * another host
 */
export function parseGcpEndpoint(text: string): GcpEndpoint {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  const address = scheme === undefined ? `https://${text}` : text;
  if (!URL.canParse(address) || (scheme !== undefined && scheme !== 'http' && scheme !== 'https')) {
    throw unreadable('is not HOST:PORT or a URL');
  }
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') throw unreadable('must not contain a user or password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw unreadable('must not have a path');
  const loopback = isLoopback(url.hostname);
  if (scheme === 'http' && !loopback) {
    throw new TamperError(
      'INSECURE_ENDPOINT',
      `Google Cloud KMS: gcp_endpoint is plaintext to another host, "${url.hostname}"`,
      {
        hint: 'Use https. Plaintext is accepted on loopback only.',
      },
    );
  }
  const tls = scheme === undefined && loopback ? undefined : scheme !== 'http';
  const port = url.port === '' ? (scheme === 'http' ? 80 : 443) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, tls, loopback };
}

function unreadable(fault: string): TamperError {
  return new TamperError('CONFIG_INVALID', `Google Cloud KMS: gcp_endpoint ${fault}`, {
    hint: 'Write it as cloudkms.example.com:443, or as https://cloudkms.example.com',
  });
}
