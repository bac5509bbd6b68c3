import type { Clock } from '../../../foundation/clock.ts';
import { parseRetryAfter } from '../../../keys/retry.ts';
import type { TokenAnswer } from './credential-error.ts';

interface Request {
  timeout: number;
}

interface Response {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
}

interface TokenPolicy {
  readonly name: string;
  sendRequest<Asked extends Request, Answer extends Response>(
    request: Asked,
    next: (request: Asked) => Promise<Answer>,
  ): Promise<Answer>;
}

/**
 * Sees the answers of a token service, whose status the SDK forgets, and bounds its requests: a credential has no deadline
 * of its own, and a request that hangs keeps the process alive. Managed identities do not take it; they are only raced.
 */
export class TokenWatch {
  #last: TokenAnswer = {};
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(timeoutMs: number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** The last answer there was: after a 429 or 503 the SDK fails for a while without asking again. */
  get last(): TokenAnswer {
    return this.#last;
  }

  /** What goes into a credential's options as one of `additionalPolicies`. */
  policy(): { policy: TokenPolicy; position: 'perCall' } {
    return {
      position: 'perCall',
      policy: {
        name: 'tokenWatchPolicy',
        sendRequest: async (request, next) => {
          if (request.timeout === 0) request.timeout = this.#timeoutMs;
          const response = await next(request);
          const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), this.#clock.now());
          this.#last = { status: response.status, retryAfterMs };
          return response;
        },
      },
    };
  }
}
