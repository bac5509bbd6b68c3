import type { IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { AzureServer } from './start.ts';

/** An answer of the vault over the raw protocol. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty where the answer is no JSON. */
  readonly body: RawBody;
  readonly text: string;
}

/** The members that any of the vault's answers has. */
export interface RawBody {
  readonly kid?: string;
  readonly key?: Readonly<Record<'kid' | 'kty' | 'crv' | 'x' | 'y' | 'n' | 'e', string>>;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly value?: unknown;
  readonly iv?: string;
  readonly tag?: string;
  readonly aad?: string;
  readonly nextLink?: string | null;
  readonly recoveryId?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly innererror?: { readonly code: string } };
}

/** Asks the vault over the raw protocol, without any SDK. */
export function askVault(
  server: AzureServer,
  method: 'GET' | 'POST',
  path: string,
  options: { token?: string; body?: unknown; rawBody?: string; query?: string; ca?: string } = {},
): Promise<RawAnswer> {
  const url = `${server.vaultUrl}${path}${options.query ?? '?api-version=2025-07-01'}`;
  const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  return new Promise((resolve, reject) => {
    const request = https.request(url, { method, headers, ca: options.ca ?? server.caPem }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: response.headers['content-type']?.startsWith('application/json') === true ? JSON.parse(text) : {},
          text,
        });
      });
    });
    request.on('error', reject);
    request.end(options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body)));
  });
}
