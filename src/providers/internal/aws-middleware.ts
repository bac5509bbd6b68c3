import { pipeline, type Readable, Transform } from 'node:stream';
import { isInsecureUrl } from '../../config/endpoint.ts';
import { REPLY_TOO_LONG } from './aws-vendor-error.ts';
import { LONGEST_LISTING, LONGEST_REPLY } from './storage/reply-body.ts';

/** It goes through the SDK, which writes into what it passes on: the error of the call is made of its name. */
class ReplyTooLong extends Error {
  override readonly name = REPLY_TOO_LONG;

  constructor(limit: number) {
    super(`the reply is longer than ${limit} bytes`);
  }
}

/** What of a client's middleware is used. */
interface BoundedClient {
  readonly middlewareStack: {
    add(
      middleware: <Args extends { request: unknown }, Reply extends { response: unknown }>(
        next: (args: Args) => Promise<Reply>,
        context: { readonly commandName?: string },
      ) => (args: Args) => Promise<Reply>,
      options: { readonly step: 'deserialize'; readonly name: string; readonly priority: 'low' },
    ): void;
  };
}

/**
 * Bounds the replies that a client of the AWS SDK collects before it looks at them: refusals, listings, what a key service says.
 */
export function boundReplies(client: BoundedClient): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const reply = await next(args);
        const response = reply.response as { statusCode: number; body?: unknown };
        const limit = response.statusCode < 300 ? limitOf(commandName) : LONGEST_REPLY;
        if (limit !== undefined && isStream(response.body)) response.body = bounded(response.body, limit);
        return reply;
      },
    { step: 'deserialize', name: 'fapilogTamperBoundsReplies', priority: 'low' },
  );
}

/** Undefined: the body of an object that was asked for is its reader's. */
function limitOf(commandName: string | undefined): number | undefined {
  if (commandName === 'GetObjectCommand') return undefined;
  return commandName?.startsWith('List') === true ? LONGEST_LISTING : LONGEST_REPLY;
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body;
}

function bounded(body: Readable, limit: number): Readable {
  let length = 0;
  const limited = new Transform({
    transform(part: Buffer, _encoding, done) {
      length += part.length;
      if (length <= limit) done(null, part);
      else done(new ReplyTooLong(limit));
    },
  });
  return pipeline(body, limited, () => undefined); // the SDK reads `limited`, and every failure arrives there
}

/**
 * Middleware for the step `build` of an AWS client: refuses plain http to another host, whatever named the endpoint, a
 * `services` section of the profile included.
 */
export function refusesPlainHttp(refused: () => Error) {
  return <Args extends { request: unknown }, Reply>(next: (args: Args) => Promise<Reply>) =>
    (args: Args): Promise<Reply> => {
      const { protocol, hostname } = args.request as { protocol: string; hostname: string };
      if (isInsecureUrl(`${protocol}//${hostname}/`)) throw refused();
      return next(args);
    };
}
