import { TamperError } from '../../errors.ts';
import { within } from '../../seal/lifecycle/ending.ts';
import { type LineTaker, SealerStream } from '../../seal/sealer-stream.ts';

/** How long pino's `logger.flush(callback)` waits for a key service, in milliseconds: the application stays alive meanwhile. */
const FLUSH_LIMIT = 3_000;
const HINT = 'The lines are on disk; a later signature covers them. observe(transport).flush() waits for it.';

/**
 * The stream that pino's worker writes to. An error of such a stream ends the application, where nobody listens: here it is a
 * warning, because the sealer itself has dealt with it (`on_failure`), and the lines are kept or counted.
 */
export class TransportStream extends SealerStream {
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
      if (!inTime) this.#warn(new TamperError('TIMEOUT', 'no signature came for a flush in time', { hint: HINT }));
    } catch (error) {
      this.#warn(error);
    }
    done();
  }
}
