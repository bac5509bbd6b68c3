import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Redis, RedisOptions } from 'ioredis';
import { TamperError } from '../../errors.ts';
import { guardAnswers } from '../../foundation/guarded-socket.ts';
import { cannotLoad } from '../../providers/internal/cannot-load.ts';
import type { RedisAddress } from './redis-address.ts';
import { redisError } from './redis-error.ts';
import { ReplyBounds } from './reply-bounds.ts';

/** How a connection behaves. */
export interface ConnectionOptions {
  /** Whether a command waits for as long as Redis is away (a worker), or fails after a few attempts. */
  readonly patient: boolean;
  /** Called when the connection is lost, and when it is back. */
  readonly onChange?: (state: 'lost' | 'back') => void;
}

/** So long may Redis take to answer at the start, in milliseconds. */
const START_MS = 10_000;
/** A command that is not patient has so long, in milliseconds. A worker waits for jobs with its commands. */
const COMMAND_MS = 20_000;
/** The longest pause between two attempts to connect again, in milliseconds. */
const LONGEST_PAUSE_MS = 3000;
/** A command that is not patient fails after so many attempts to connect again: about 10 s. */
const ATTEMPTS = 8;

/**
 * Connects to a Redis. Once that has worked, the client connects again by itself for as long as it takes.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `TLS_FAILED`,
 * `RESPONSE_MALFORMED` after at most 10 s
 */
export async function connectRedis(address: RedisAddress, { patient, onChange }: ConnectionOptions): Promise<Redis> {
  const library = await loadClient();
  let started = false;
  let up = false;
  let lastError: unknown;
  const redis = new library.Redis({
    ...address.login(),
    Connector: guardedConnector(library, address),
    lazyConnect: true,
    connectTimeout: START_MS / 2,
    maxRetriesPerRequest: patient ? null : ATTEMPTS,
    ...(!patient && { commandTimeout: COMMAND_MS }),
    retryStrategy: (times) => (started ? Math.min(100 * 2 ** times, LONGEST_PAUSE_MS) : null),
  });
  redis.on('error', (error) => {
    lastError = error;
  });
  redis.on('ready', () => {
    if (started && !up) onChange?.('back');
    up = true;
  });
  redis.on('close', () => {
    if (started && up) onChange?.('lost');
    up = false;
  });
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
    redis.disconnect();
  }, START_MS);
  try {
    await redis.connect();
    started = true;
    // a second connection that is made of these options must not fail for good where it is lost while it begins
    redis.options.lazyConnect = false;
    return redis;
  } catch (error) {
    redis.disconnect();
    if (late.signal.aborted) {
      throw new TamperError('TIMEOUT', `${address.name} did not answer within ${START_MS / 1000} s`, {
        hint: 'Check that a Redis listens there, and whether it expects TLS (rediss://).',
        retryable: true,
      });
    }
    throw redisError(lastError ?? error, address);
  } finally {
    clearTimeout(timer);
  }
}

type Library = Pick<typeof import('ioredis'), 'Redis' | 'AbstractConnector'>;
type Connector = NonNullable<RedisOptions['Connector']>;

/** Connects as the client does by itself, also connections that are made of the options of another one. */
function guardedConnector({ AbstractConnector }: Library, address: RedisAddress): Connector {
  return class extends AbstractConnector {
    constructor({ disconnectTimeout }: { readonly disconnectTimeout?: number }) {
      super(disconnectTimeout ?? START_MS);
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      const { host, port, tls } = address.login();
      const socket = tls === undefined ? createConnection({ host, port }) : connectTls({ host, port, ...tls });
      const bounds = new ReplyBounds(address.name, () => socket.bytesWritten);
      guardAnswers(socket, address.name, (bytes) => bounds.check(bytes));
      socket.once('error', (error: Error) => {
        this.firstError = error;
      });
      this.stream = socket;
      return socket;
    }
  } as Connector;
}

async function loadClient(): Promise<Library> {
  try {
    return await import('ioredis');
  } catch (cause) {
    throw cannotLoad({ service: 'a queue on Redis', packageName: 'ioredis' }, cause);
  }
}
