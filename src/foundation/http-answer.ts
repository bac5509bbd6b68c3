import { asError, isError, isTamperError, systemCode, TamperError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** Requests to parties that nothing is known of: their answers are bounded in bytes and in seconds, and lead nowhere else. */

/** One request. */
export interface HttpQuestion {
  /** The party, for messages: `the witness NAME`. */
  readonly what: string;
  /** Has no user name and no password. */
  readonly url: URL | string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** The longest body of an answer, in bytes; 0: only its status counts, and its body is not read. */
  readonly limit: number;
  /** In milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What to do if there is no answer. */
  readonly hint?: string;
}

/** What came. */
export interface HttpAnswer {
  readonly status: number;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  readonly headers: Headers;
  /** Empty if the limit is 0. */
  readonly body: Buffer;
}

/**
 * Sends a request and reads its answer. A redirect is not followed, a body that is packed is not unpacked, and one that is longer
 * than the limit is not read on.
 *
 * @throws {@link TamperError} `UNAVAILABLE` (it cannot be reached, or redirects), `TIMEOUT`, `ABORTED`, `RESPONSE_MALFORMED`
 */
export async function askOverHttp(question: HttpQuestion): Promise<HttpAnswer> {
  const { what, url, method, headers, body, limit, timeoutMs, signal, hint } = question;
  try {
    return await withDeadline({ what, timeoutMs, signal }, async (within) => {
      const response = await fetch(url, {
        method,
        headers: { 'accept-encoding': 'identity', ...headers },
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal: within,
      });
      const { status, ok } = response;
      if (status >= 300 && status < 400) throw await leftAlone(response, redirects(what, status));
      if (limit === 0) await response.body?.cancel();
      return { status, ok, headers: response.headers, body: await readBody(response, question) };
    });
  } catch (error) {
    if (isTamperError(error)) throw error;
    const cause = withoutAnswer(error);
    const code = systemCode(cause);
    throw new TamperError('UNAVAILABLE', `${what} cannot be reached${code === '' ? '' : ` (${code})`}`, {
      cause,
      retryable: true,
      ...(hint !== undefined && { hint }),
    });
  }
}

async function readBody(response: Response, { what, limit }: HttpQuestion): Promise<Buffer> {
  if (limit === 0) return Buffer.alloc(0);
  const packed = response.headers.get('content-encoding') ?? 'identity';
  if (packed.toLowerCase() !== 'identity') {
    throw await leftAlone(response, malformed(`${what} answered with a compressed body, which was not requested`));
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > limit) throw malformed(`${what}: its answer is longer than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The body of an answer that is refused is let go, and its connection with it. */
async function leftAlone({ body }: Response, error: TamperError): Promise<TamperError> {
  await body?.cancel();
  return error;
}

function redirects(what: string, status: number): TamperError {
  return new TamperError(
    'UNAVAILABLE',
    `${what} answered with HTTP status ${status}, a redirect, which is not followed`,
    {
      hint: 'Give the address that it redirects to.',
    },
  );
}

function malformed(message: string): TamperError {
  return new TamperError('RESPONSE_MALFORMED', message, { hint: 'Check that the address is the right one.' });
}

/** Of what fetch throws, the words and the code: an error of its parser holds the bytes that it could not read. */
function withoutAnswer(error: unknown): Error {
  const inner = isError(error) && isError(error.cause) ? error.cause : asError(error);
  const code = systemCode(inner);
  return code === '' ? new Error(inner.message) : Object.assign(new Error(inner.message), { code });
}
