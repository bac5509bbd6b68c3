import type { Clock } from '../../../foundation/clock.ts';
import { parseRetryAfter } from '../../../keys/retry.ts';
import { type BoundedReply, type BoundedRequest, boundReplies } from './bounded-reply.ts';
import type { TokenAnswer } from './credential-error.ts';

interface TokenRequest extends BoundedRequest {
  timeout: number;
}

interface TokenReply extends BoundedReply {
  readonly headers: { get(name: string): string | undefined };
}

/** What an SDK sends its requests with, as far as it is used here: public declarations do without the SDK's. */
interface HttpClient<Asked, Answer> {
  sendRequest(request: Asked): Promise<Answer>;
}

/**
 * Sees the answers of a token service, whose status the SDK forgets, and bounds its requests and their answers: a credential has
 * no deadline of its own, a request that hangs keeps the process alive, and managed identities take no policies of ours.
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

  /** What a credential is to send its requests with. */
  over<Asked extends TokenRequest, Answer extends TokenReply>(
    client: HttpClient<Asked, Answer>,
  ): HttpClient<Asked, Answer> {
    const bounding = boundReplies();
    return {
      sendRequest: async (request) => {
        if (request.timeout === 0) request.timeout = this.#timeoutMs;
        const response = await bounding.sendRequest(request, async (asked) => client.sendRequest(asked));
        const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), this.#clock.now());
        this.#last = { status: response.status, retryAfterMs };
        return response;
      },
    };
  }
}
