import Transport from 'winston-transport';
import type { TamperConfig } from '../config/index.ts';
import { createLineTaker } from '../line-taker.ts';
import { withCode } from '../seal/disk/refusal.ts';
import { Sealer } from '../seal/sealer.ts';
import type { LineTaker } from '../seal/sealer-stream.ts';
import { LineQueue } from './line-queue.ts';

/** Under which winston keeps the line that its format made. */
const MESSAGE = Symbol.for('message');

/** What winston itself takes for a transport. */
type WinstonOptions = Pick<
  Transport.TransportStreamOptions,
  'level' | 'format' | 'silent' | 'handleExceptions' | 'handleRejections'
>;

/** What a {@link SealedTransport} is made with: options of a sealer, and winston's own for a transport. */
export interface SealedTransportOptions extends TamperConfig, WinstonOptions {}

/**
 * A winston transport that seals what winston's format makes of each entry; as JSON, unless the logger has another format.
 * `logger.end()` and `logger.remove(transport)` seal what is left and close the log; `finish` follows.
 *
 * Events of the log, such as `warning` and `checkpoint`, are those of {@link SealedTransport.sealer}. An error of it is none of
 * the transport, because winston would throw it into the application.
 */
export class SealedTransport extends Transport {
  /** The sealer that this transport writes to; undefined where `enabled` is false, and lines are written as they are. */
  readonly sealer: Sealer | undefined;
  readonly #taker: LineTaker;
  readonly #lines: LineQueue;

  /** @throws as `createSealer` */
  constructor(options: SealedTransportOptions = {}) {
    const { level, format, silent, handleExceptions, handleRejections, ...config } = options;
    super(winstonOptions({ level, format, silent, handleExceptions, handleRejections }));
    const taker = createLineTaker(config);
    this.sealer = taker instanceof Sealer ? taker : undefined;
    this.#taker = taker;
    this.#lines = new LineQueue(taker);
  }

  /** Called by winston for each entry. `next` is called when the sealer takes more. */
  override log(info: Record<symbol, unknown>, next: () => void): void {
    const line = info[MESSAGE];
    const text = typeof line === 'string' ? line : JSON.stringify(info);
    this.#lines.add(() => this.#taker.write(text), next);
    this.emit('logged', info);
  }

  /** Called by winston when the transport is removed from its logger. */
  override close(): void {
    this.#close().catch((error: unknown) => this.sealer?.emit('warning', withCode(error)));
  }

  override _final(done: () => void): void {
    this.#close().then(done, (error: unknown) => {
      this.sealer?.emit('warning', withCode(error));
      done();
    });
  }

  #close(): Promise<void> {
    return this.#taker.close();
  }
}

/** winston takes a member that is undefined for one that is set. */
function winstonOptions(
  options: { readonly [Name in keyof WinstonOptions]: WinstonOptions[Name] | undefined },
): WinstonOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
