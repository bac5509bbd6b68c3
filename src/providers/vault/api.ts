import { isError, isTamperError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { Secret } from '../../keys/secret.ts';
import { replyError } from './error-map.ts';
import type { VaultHttpClient, VaultHttpResponse } from './http-client.ts';
import { assertPlain, type BodyValue, encodeBody, scrub, takeSecret } from './secret-bytes.ts';

/** One call of Vault's API. */
export interface ApiCall {
  /** What is being done, for messages: `sign with "transit/keys/audit"`. */
  readonly what: string;
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: Readonly<Record<string, BodyValue>>;
  /** Left out for logins, and where an agent adds it. */
  readonly token?: Secret | undefined;
  /** A string member of the answer that is secret: it is taken out and never parsed. */
  readonly secretMember?: string;
  readonly signal: AbortSignal;
}

/** A successful answer. */
export interface ApiReply {
  readonly requestId: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly auth: Readonly<Record<string, unknown>> | undefined;
  /** The value of `secretMember`; the caller erases it. */
  readonly secret: Secret | undefined;
}

/** Vault's API over one HTTP client: headers, JSON, errors. Knows nothing of logins, keys or attempts. */
export class VaultApi {
  readonly #http: VaultHttpClient;
  readonly #base: string;
  readonly #namespace: string | undefined;
  readonly #clock: Clock;

  constructor(http: VaultHttpClient, endpoint: URL, namespace: string | undefined, clock: Clock) {
    this.#http = http;
    this.#base = endpoint.href.replace(/\/+$/, '');
    this.#namespace = namespace === 'root' ? undefined : namespace; // the reserved name of the one above all
    this.#clock = clock;
  }

  async call(call: ApiCall): Promise<ApiReply> {
    const { token, body, signal, method } = call;
    const secrets = [token, ...Object.values(body ?? {})].filter((value) => value instanceof Secret);
    const content = body === undefined ? undefined : encodeBody(body);
    try {
      const response = await this.#http.request({
        method,
        url: `${this.#base}/v1/${call.path}`,
        headers: this.#headers(token, content !== undefined),
        signal,
        ...(content === undefined ? {} : { body: content }),
      });
      return this.#read(call, response, secrets);
    } catch (error) {
      if (isTamperError(error)) throw error;
      // an injected client's error may hold the request, and with it the token: only its name is kept
      const name = isError(error) ? error.name : typeof error;
      throw new TamperError('UNAVAILABLE', `Vault: ${call.what}: no response (${name})`, { retryable: true });
    } finally {
      content?.fill(0);
    }
  }

  async close(): Promise<void> {
    await this.#http.close?.();
  }

  #headers(token: Secret | undefined, hasBody: boolean): Record<string, string> {
    return {
      accept: 'application/json',
      'x-vault-request': 'true',
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...(this.#namespace === undefined ? {} : { 'x-vault-namespace': this.#namespace }),
      ...(token === undefined ? {} : { 'x-vault-token': headerText(token) }),
    };
  }

  #read(call: ApiCall, response: VaultHttpResponse, sent: readonly Secret[]): ApiReply {
    const { status, body, headers } = response;
    if (status !== 200 && status !== 204) {
      scrub(body, sent);
      const answer = parseObject(body);
      const texts = Array.isArray(answer?.['errors']) ? answer['errors'].map(String) : [];
      body.fill(0);
      throw replyError(call.what, { status, texts, retryAfter: headers['retry-after'] }, this.#clock.now());
    }
    const secret = call.secretMember === undefined ? undefined : takeSecret(body, call.secretMember);
    const answer = status === 204 ? {} : parseObject(body);
    body.fill(0);
    if (answer === undefined) {
      secret?.erase();
      throw new TamperError('RESPONSE_MALFORMED', `Vault: ${call.what}: the answer is not a JSON object`);
    }
    const { request_id: requestId, data, auth } = answer;
    return {
      requestId: typeof requestId === 'string' && requestId !== '' ? requestId : undefined,
      data: isObject(data) ? data : {},
      auth: isObject(auth) ? auth : undefined,
      secret,
    };
  }
}

/** An HTTP header has to be a string: the one place where a token becomes one. */
function headerText(token: Secret): string {
  return token.use((bytes) => {
    assertPlain(bytes, 'the Vault token');
    return bytes.toString('latin1');
  });
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return isObject(answer) ? answer : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // the callers turn it into an error
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
