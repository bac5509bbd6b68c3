import type { TamperConfig } from '../../config/index.ts';
import { asError, isTamperError, TamperError } from '../../errors.ts';
import { createLineTaker } from '../../line-taker.ts';
import { withCode } from '../../seal/disk/refusal.ts';
import { within } from '../../seal/lifecycle/ending.ts';
import type { PlainLines } from '../../seal/plain-lines.ts';
import { Sealer } from '../../seal/sealer.ts';
import { type LineTaker, SealerStream } from '../../seal/sealer-stream.ts';
import { toPlainError } from './message.ts';
import { isPinoWorker, link, tell } from './worker-link.ts';

export { type ObservedTransport, observe } from './observe.ts';

/** What `pino.transport({ target: 'fapilog-tamper/pino', options })` takes as options, and what pino itself adds to them. */
export interface PinoTransportOptions extends TamperConfig {
  /** Set by pino. */
  readonly pinoWillSendConfig?: boolean;
  /** Set by pino. */
  readonly $context?: unknown;
}

/**
 * What pino calls in its worker: begins to seal, and returns the stream that pino writes to. Lines are taken at once, before
 * the key has come. {@link observe} hears of it on the logger's thread.
 *
 * Without a worker use the sealer itself: `pino(createSealer(options))`.
 *
 * @throws what is wrong with the configuration; pino emits it as `error` of its transport, with the code at the beginning of
 * the message. In a worker, what `createSealer` throws because of the stream or the disk ends the log instead (`on_failure`):
 * lines are kept for the next start
 */
export default function transport(options: PinoTransportOptions = {}): SealerStream {
  const { pinoWillSendConfig, $context, ...config } = options;
  const lines = begin(config);
  if (!(lines instanceof Sealer)) return new SealerStream(lines); // `enabled: false`
  if (isPinoWorker) link(lines);
  return new TransportStream(lines, (error) => lines.emit('warning', withCode(error)));
}

/** pino's thread waits 10 seconds for the end of its worker, and the process may end then: two are left for keeping lines. */
const END_SECONDS = 8;

function begin(config: TamperConfig): Sealer | PlainLines {
  try {
    // pino has lines for us by now, whatever the state of the stream
    return createLineTaker(config, isPinoWorker ? END_SECONDS : undefined);
  } catch (thrown) {
    const error = asError(thrown);
    if (!isPinoWorker || !isTamperError(error)) throw error;
    tell({ event: 'error', error: toPlainError(error) });
    const hint = error.hint === undefined ? '' : `. ${error.hint}`;
    throw new Error(`${error.code}: ${error.message}${hint}`, { cause: error }); // its class and code stay in this thread
  }
}

/** How long pino's `logger.flush(callback)` waits for a key service, in milliseconds: the application stays alive meanwhile. */
const FLUSH_LIMIT = 3_000;
const FLUSH_HINT = 'The lines are on disk; a later signature covers them. observe(transport).flush() waits for it.';

/**
 * The stream that pino's worker writes to. An error of such a stream ends the application, where nobody listens: here it is a
 * warning, because the sealer itself has dealt with it (`on_failure`), and the lines are kept or counted.
 */
class TransportStream extends SealerStream {
  readonly #warn: (error: unknown) => void;

  constructor(sealer: LineTaker, warn: (error: unknown) => void) {
    super({
      write: (chunk) => sealer.write(chunk),
      writePiece: (piece) => sealer.writePiece(piece),
      once: (event, listener) => sealer.once(event, listener),
      off: (event, listener) => sealer.off(event, listener),
      flush: () => sealer.flush(),
      flushSync: () => sealer.flushSync(),
      close: () => sealer.close().catch(warn),
    });
    this.#warn = warn;
  }

  /** As {@link Sealer.flush}, but it waits 3 seconds at most, and a failure is a warning: pino would end its transport. */
  override async flush(done: (error?: Error) => void = () => undefined): Promise<void> {
    try {
      const inTime = await within(super.flush(), FLUSH_LIMIT);
      if (!inTime)
        this.#warn(new TamperError('TIMEOUT', 'no signature came for a flush in time', { hint: FLUSH_HINT }));
    } catch (error) {
      this.#warn(error);
    }
    done();
  }
}
