import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
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
    throw unreadableEndpoint('is not HOST:PORT or a URL');
  }
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') throw unreadableEndpoint('must not contain a user or password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw unreadableEndpoint('must not have a path');
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

function unreadableEndpoint(fault: string): TamperError {
  return new TamperError('CONFIG_INVALID', `Google Cloud KMS: gcp_endpoint ${fault}`, {
    hint: 'Write it as cloudkms.example.com:443, or as https://cloudkms.example.com',
  });
}

/** What a server on loopback speaks. */
export interface Spoken {
  readonly tls: boolean;
  readonly http2: boolean;
}

// RFC 9113, 3.4: what a client sends first, with an empty SETTINGS frame
const http2Preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const settingsFrame = 4;
const greetingMs = 1_000;

/**
 * Finds out whether a server on this host takes TLS and HTTP/2 (gRPC), so that test servers and emulators work without
 * saying so. Nothing but greetings is sent; the certificate is checked by the real connection later. A server that listens
 * and says nothing is taken to speak TLS and HTTP/2, and the call that follows says what is wrong.
 *
 * @param tls - what is known already
 * @throws {TamperError} `UNAVAILABLE` (retryable): nobody listens there
 */
export async function probeLoopback(host: string, port: number, tls: boolean | undefined): Promise<Spoken> {
  if (tls !== false) {
    const secure = await greetTls(host, port);
    if (secure !== undefined || tls === true) return { tls: true, http2: secure?.http2 ?? true };
  }
  return greetPlain(host, port, tls);
}

/** Undefined: somebody answers, and it is not TLS. */
function greetTls(host: string, port: number): Promise<Spoken | undefined> {
  // no data crosses this connection, so an untrusted certificate does no harm here
  const socket = connectTls({ host, port, ALPNProtocols: ['h2', 'http/1.1'], rejectUnauthorized: false });
  return answerOf<Spoken | undefined>(socket, { tls: true, http2: true }, (answer, fail) => {
    socket.once('secureConnect', () => answer({ tls: true, http2: socket.alpnProtocol === 'h2' }));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (nobodyListens(error)) fail(noServerAt(host, port, error));
      else answer(undefined);
    });
  });
}

function greetPlain(host: string, port: number, tls: boolean | undefined): Promise<Spoken> {
  const socket = connectTcp({ host, port });
  const silent: Spoken = { tls: false, http2: true };
  return answerOf<Spoken>(socket, silent, (answer, fail) => {
    socket.once('connect', () => socket.write(http2Preface));
    socket.once('data', (data) =>
      answer({ tls: false, http2: data.length >= 4 && data[3] === settingsFrame && data[0] === 0 }),
    );
    socket.once('close', () => answer({ tls: false, http2: false }));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (nobodyListens(error)) fail(noServerAt(host, port, error));
      else answer(tls === false ? silent : { tls: true, http2: true });
    });
  });
}

function nobodyListens({ code, errors }: NodeJS.ErrnoException & { readonly errors?: readonly unknown[] }): boolean {
  const codes = errors?.map((one) => (one as NodeJS.ErrnoException).code) ?? [code]; // localhost has two addresses
  return codes.every((one) => one === 'ECONNREFUSED');
}

function noServerAt(host: string, port: number, cause: Error): TamperError {
  return new TamperError(
    'UNAVAILABLE',
    `Google Cloud KMS: nothing is listening at ${host}:${port}, which gcp_endpoint names`,
    {
      cause,
      retryable: true,
      hint: 'Check gcp_endpoint, and whether the server there is running.',
    },
  );
}

function answerOf<T>(
  socket: Socket,
  silent: T,
  listen: (answer: (value: T) => void, fail: (error: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(silent), greetingMs);
    const finish = (value: T): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(value);
    };
    listen(finish, (error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    });
    socket.on('error', () => undefined); // after the answer nobody cares
  });
}
