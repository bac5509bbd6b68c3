import { Readable } from 'node:stream';
import { LONGEST_LISTING, LONGEST_REPLY, readReply } from '../storage/reply-body.ts';

/** Nothing may arrive for as long, in milliseconds. */
const STALL_MS = 10_000;

/** What of the SDK's requests is used. */
export interface BoundedRequest {
  streamResponseStatusCodes?: Set<number>;
}

/** What of its replies. */
export interface BoundedReply {
  readonly status: number;
  readableStreamBody?: NodeJS.ReadableStream;
  bodyAsText?: string | null;
}

/** A policy of an Azure SDK's pipeline. */
export interface BoundingPolicy {
  readonly name: string;
  sendRequest<Asked extends BoundedRequest, Answer extends BoundedReply>(
    request: Asked,
    next: (request: Asked) => Promise<Answer>,
  ): Promise<Answer>;
}

/**
 * Bounds the replies that an Azure SDK collects before it looks at them: refusals, listings, tokens. It is to be the last policy
 * before the request goes out. A body that was asked for as a stream is its reader's.
 */
export function boundReplies(): BoundingPolicy {
  return {
    name: 'fapilogTamperBoundsReplies',
    async sendRequest<Asked extends BoundedRequest, Answer extends BoundedReply>(
      request: Asked,
      next: (request: Asked) => Promise<Answer>,
    ): Promise<Answer> {
      const asked = request.streamResponseStatusCodes;
      request.streamResponseStatusCodes = new Set([Number.POSITIVE_INFINITY]); // any status
      let reply: Answer;
      try {
        reply = await next(request);
      } finally {
        if (asked === undefined) delete request.streamResponseStatusCodes;
        else request.streamResponseStatusCodes = asked;
      }
      const isStream = asked?.has(Number.POSITIVE_INFINITY) === true || asked?.has(reply.status) === true;
      const { readableStreamBody: body } = reply;
      if (isStream || !(body instanceof Readable)) return reply;
      delete reply.readableStreamBody;
      const limit = reply.status < 300 ? LONGEST_LISTING : LONGEST_REPLY;
      const bounds = { what: 'the reply of Azure', limit, requestTimeoutMs: STALL_MS };
      reply.bodyAsText = (await readReply(body, bounds)).toString('utf8');
      return reply;
    },
  };
}
