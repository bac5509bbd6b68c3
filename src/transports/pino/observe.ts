import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { BroadcastChannel } from 'node:worker_threads';
import { TamperError } from '../../errors.ts';
import { keyChannelName } from '../../keys/events.ts';
import type { SealerEvents } from '../../seal/checkpoint/sealer-events.ts';
import type { SealerStats } from '../../seal/sealer-stats.ts';
import { CHANNEL, fromPlainError, type Message, type Question } from './message.ts';

/** pino's transport: the stream whose other end is in a worker. */
interface Transport extends EventEmitter {
  readonly destroyed?: boolean;
  readonly worker: { readonly threadId: number };
}

/** How long a worker may take until it says that it has begun, in milliseconds, before there is taken to be no sealer in it. */
const BEGIN_LIMIT = 10_000;

interface Waiting {
  readonly ask: Question['ask'];
  readonly resolve: (stats: SealerStats) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A sealer in pino's worker, seen from the logger's thread: its events, its numbers, and a `flush` that says when all is
 * covered by a checkpoint, or why not. Its key uses are published here on the channel `fapilog-tamper:key` too.
 */
export class ObservedTransport extends EventEmitter<SealerEvents> {
  readonly #transport: Transport;
  readonly #questions: BroadcastChannel = new BroadcastChannel(CHANNEL);
  readonly #waiting = new Map<number, Waiting>();
  /** Keeps the process alive while somebody waits for an answer: pino's worker does not. */
  #keepAlive: NodeJS.Timeout | undefined;
  /** Whether a sealer was heard of. */
  #hasSealer = false;
  #lastId = 0;
  #ended = false;

  constructor(transport: Transport) {
    super();
    this.#transport = transport;
    transport.on(CHANNEL, (message: Message) => this.#hear(message));
    transport.once('close', () => this.#end());
    this.#questions.unref();
    this.#send('observe', ++this.#lastId);
  }

  /** The sealer's numbers now. @throws SEALER_CLOSED where the worker has ended; USAGE where no sealer is in it */
  stats(): Promise<SealerStats> {
    return this.#ask('stats');
  }

  /**
   * Resolves when every line that the worker has received is durable and covered by a checkpoint. pino hands lines to its
   * worker a little later than they are logged: `logger.flush(callback)` first says when that has happened.
   *
   * @throws as `Sealer.flush`; SEALER_CLOSED where the worker has ended; USAGE where no sealer is in it
   */
  async flush(): Promise<void> {
    await this.#ask('flush');
  }

  #ask(ask: Question['ask']): Promise<SealerStats> {
    if (this.#ended || this.#transport.destroyed === true) return Promise.reject(transportEnded());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { ask, resolve, reject });
      this.#keepAlive ??= setInterval(() => this.#checkSealer(), BEGIN_LIMIT);
      this.#send(ask, id);
    });
  }

  #send(ask: Question['ask'], id: number): void {
    const question: Question = { to: this.#transport.worker.threadId, id, ask };
    this.#questions.postMessage(question);
  }

  /** The worker listens from now on: what was asked before it has not heard. */
  #begun(): void {
    this.#send('observe', ++this.#lastId);
    for (const [id, { ask }] of this.#waiting) this.#send(ask, id);
  }

  #checkSealer(): void {
    if (this.#hasSealer) return;
    for (const id of this.#waiting.keys()) this.#takeWaiting(id)?.reject(noSealer());
  }

  /** The question that this is the answer to. */
  #takeWaiting(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      clearInterval(this.#keepAlive);
      this.#keepAlive = undefined;
    }
    return waiting;
  }

  #hear(message: Message): void {
    this.#hasSealer = true;
    switch (message.event) {
      case 'begun':
        this.#begun();
        break;
      case 'answer':
        this.#answered(message);
        break;
      case 'key':
        channel(keyChannelName).publish(message.key);
        break;
      case 'error':
        this.#failed(fromPlainError(message.error));
        break;
      case 'warning':
        this.emit('warning', fromPlainError(message.error));
        break;
      case 'outage':
        this.emit('outage', { since: message.since, error: fromPlainError(message.error) });
        break;
      default:
        (this.emit as (event: string, argument: unknown) => boolean)(message.event, message.argument);
    }
  }

  #answered({ id, error, stats }: Message & { readonly event: 'answer' }): void {
    const waiting = this.#takeWaiting(id);
    if (error !== undefined) waiting?.reject(fromPlainError(error));
    else if (stats !== undefined) waiting?.resolve(stats);
  }

  /** Nobody listens: the transport's own `error`, or the sealer on standard error, has told it. */
  #failed(error: TamperError): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  #end(): void {
    this.#ended = true;
    this.#questions.close();
    for (const id of this.#waiting.keys()) this.#takeWaiting(id)?.reject(transportEnded());
  }
}

/**
 * Observes the sealer of a pino transport from the logger's thread. `source` is what `pino.transport()` returned, or a logger
 * that was made with `transport: { target: 'fapilog-tamper/pino' }`.
 *
 * @throws USAGE where there is no such transport
 */
export function observe(source: object): ObservedTransport {
  const transport = isTransport(source) ? source : streamOf(source);
  if (transport === undefined) {
    throw new TamperError(
      'USAGE',
      'observe() takes what pino.transport() returned, or a logger made with a transport',
      {
        hint: 'A sealer that a logger writes to itself, as in pino(createSealer(…)), has events and stats of its own.',
      },
    );
  }
  return new ObservedTransport(transport);
}

function isTransport(source: unknown): source is Transport {
  return source instanceof EventEmitter && 'worker' in source;
}

/** pino keeps a logger's stream under a symbol of its own. */
function streamOf(logger: unknown): Transport | undefined {
  for (let at: object | null = Object(logger) as object; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === 'pino.stream');
    const stream: unknown = symbol === undefined ? undefined : Reflect.get(at, symbol);
    if (typeof stream === 'object' && stream !== null) return isTransport(stream) ? stream : undefined;
  }
  return undefined;
}

function transportEnded(): TamperError {
  return new TamperError('SEALER_CLOSED', 'the transport has ended, and its sealer with it');
}

function noSealer(): TamperError {
  return new TamperError('USAGE', 'no sealer is heard of in this transport', {
    hint: "observe() takes a transport whose target is 'fapilog-tamper/pino'",
  });
}
