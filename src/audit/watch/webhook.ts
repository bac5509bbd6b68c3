import { createHmac } from 'node:crypto';
import { isInsecureUrl } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { askOverHttp } from '../../foundation/http-answer.ts';
import { parseRetryAfter } from '../../keys/retry.ts';
import { Secret } from '../../keys/secret.ts';

/** A message to a webhook. */
export interface WebhookMessage {
  /** The same each time that it is sent. */
  readonly id: string;
  /** JSON. */
  readonly body: string;
}

/** Where findings are sent. */
export interface WebhookPlace {
  readonly url: string;
  readonly secret: WebhookSecret;
  /** How long one attempt may take, in milliseconds. Default: 15,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;

/** A receiver of messages, which are signed as Standard Webhooks has it. */
export class Webhook {
  /** `the webhook https://alerts.example.com`: the rest of its address may be a secret, and is in no message. */
  readonly what: string;
  readonly #url: URL;
  readonly #secret: WebhookSecret;
  readonly #timeoutMs: number;

  /** @throws {@link TamperError} `USAGE`, `INSECURE_ENDPOINT` */
  constructor({ url, secret, timeoutMs = TIMEOUT_MS }: WebhookPlace) {
    this.#url = webhookUrl(url);
    this.#secret = secret;
    this.#timeoutMs = timeoutMs;
    this.what = `the webhook ${this.#url.origin}`;
  }

  /**
   * Sends a message once. Redirects are not followed: the message is for this receiver.
   *
   * @throws {@link TamperError} `TIMEOUT`, `UNAVAILABLE`, `ABORTED`
   */
  async send({ id, body }: WebhookMessage, signal: AbortSignal): Promise<void> {
    const seconds = Math.floor(Date.now() / 1000);
    const { ok, status, headers } = await askOverHttp({
      what: this.what,
      url: this.#url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'fapilog-tamper',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': this.#secret.sign(id, seconds, body),
      },
      body,
      limit: 0,
      timeoutMs: this.#timeoutMs,
      signal,
      hint: HINT,
    });
    if (!ok) throw refused(this.what, status, headers);
  }
}

const HINT = 'The message is sent again after the next round.';
/** Of other statuses below 500 the same message gets the same again. */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);

function refused(what: string, status: number, headers: Headers): TamperError {
  const retryAfterMs = parseRetryAfter(headers.get('retry-after') ?? undefined, Date.now());
  return new TamperError('UNAVAILABLE', `${what} answered with HTTP status ${status}`, {
    hint: HINT,
    retryable: status >= 500 || TEMPORARY.has(status),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** No message repeats the address: what is in it may be a secret. */
function webhookUrl(text: string): URL {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new TamperError('USAGE', '--webhook is not an https:// address');
  }
  if (isInsecureUrl(text)) {
    throw new TamperError('INSECURE_ENDPOINT', '--webhook is not encrypted', {
      hint: 'Use https://; http:// only goes to this host.',
    });
  }
  const url = new URL(text);
  if (url.username === '' && url.password === '') return url;
  throw new TamperError('USAGE', '--webhook has a user or a password in it, which every user of this host can see', {
    hint: 'Messages are signed: the receiver needs no password. Change it if others could see it.',
  });
}

/** As Standard Webhooks has it, in bytes. */
const SHORTEST = 24;
const LONGEST = 64;

/** What a receiver checks that a message is ours with: Standard Webhooks, symmetric signatures (`v1`). */
export class WebhookSecret {
  readonly #secret: Secret;

  /** `bytes` are copied, and stay the caller's. @throws {@link TamperError} `KEY_MALFORMED`: not 24 to 64 bytes */
  constructor(bytes: Uint8Array) {
    if (bytes.length < SHORTEST || bytes.length > LONGEST) {
      throw new TamperError('KEY_MALFORMED', `the secret of the webhook must be ${SHORTEST} to ${LONGEST} bytes long`, {
        hint: SECRET_HINT,
      });
    }
    this.#secret = new Secret(bytes);
  }

  /** The value of `webhook-signature`. `seconds` is that of `webhook-timestamp`. */
  sign(id: string, seconds: number, body: string): string {
    const mac = this.#secret.use((key) =>
      createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64'),
    );
    return `v1,${mac}`;
  }

  /** Overwrites it. */
  erase(): void {
    this.#secret.erase();
  }
}

/** How one is made. */
export const SECRET_HINT =
  'It is whsec_ and the base64 of 24 to 64 random bytes: printf \'whsec_%s\\n\' "$(openssl rand -base64 32)"';
