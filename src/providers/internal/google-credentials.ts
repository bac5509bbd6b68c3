import { Readable } from 'node:stream';
import { membersOf } from './vendor-text.ts';

/** How HTTP requests for tokens are bounded, and over REST the calls too: `timeout` of a call has no effect there. */
export interface TokenRequestOptions {
  /** In milliseconds. */
  readonly timeout: number;
  readonly retryConfig: { readonly retry: number };
  /** The longest reply, in bytes, unpacked. As node-fetch calls it: gaxios heeds its own name in single requests only. */
  readonly size: number;
  /** How many redirects are followed. */
  readonly follow: number;
}

interface GaxiosRequest {
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

interface GaxiosReply {
  readonly status: number;
  data: unknown;
}

/** A page of versions of a key is not longer, in bytes, and no token. */
export const LONGEST_REPLY: number = 1024 * 1024;

/** One try, at most this long: the call that needs the token is repeated by us, and nothing is to be stacked on that. */
export function tokenRequestOptions(timeout: number): TokenRequestOptions {
  return { timeout, retryConfig: { retry: 0 }, size: LONGEST_REPLY, follow: 0 };
}

/**
 * Bounds what gaxios does not: refusals, which it collects whatever `size` says, and the time of a request that has a signal. Of
 * those two signals it makes one, whose limit is forgotten when garbage is collected (nodejs/node#57736): a server that hangs would
 * keep the process from ending.
 */
export async function boundReply(
  options: GaxiosRequest,
  send: (options: GaxiosRequest) => Promise<GaxiosReply>,
): Promise<GaxiosReply> {
  const { timeout, signal } = options;
  const late = new AbortController();
  setTimeout(() => late.abort(new DOMException('the reply took too long', 'TimeoutError')), timeout).unref();
  const reply = await send({ ...options, signal: AbortSignal.any([...(signal ? [signal] : []), late.signal]) });
  if (reply.status >= 300 && reply.data instanceof Readable) reply.data = bounded(reply.data);
  return reply;
}

async function* bounded(refusal: Readable): AsyncGenerator<Buffer> {
  let left = LONGEST_REPLY;
  for await (const chunk of refusal as AsyncIterable<Buffer>) {
    left -= chunk.length;
    if (left < 0) throw new Error(`content size over limit: ${LONGEST_REPLY}`);
    yield chunk;
  }
}

/**
 * Bounds the exchange of tokens (RFC 8693) too. google-auth-library makes an HTTP client of its own for it, which no option
 * reaches: a token service that hangs would keep the process from ending.
 */
export function boundTokenExchange(authClient: object, options: TokenRequestOptions): void {
  const { transporter } = membersOf(membersOf(authClient)['stsCredential']);
  Object.assign(membersOf(membersOf(transporter)['defaults']), options);
}

/** Whether the environment says where credentials are; otherwise the SDK would search the network for a metadata server. */
export function namesCredentials(env: NodeJS.ProcessEnv): boolean {
  return ['GOOGLE_APPLICATION_CREDENTIALS', 'GCE_METADATA_HOST', 'GCE_METADATA_IP'].some((name) => env[name]);
}
