import { asError } from '../../errors.ts';
import { type LineTaker, SealerStream } from '../../seal/sealer-stream.ts';

/**
 * The stream that pino's worker writes to. An error of such a stream ends the application, where nobody listens: here it is a
 * warning, because the sealer itself has dealt with it (`on_failure`), and the lines are kept or counted.
 */
export class TransportStream extends SealerStream {
  readonly #warn: (error: Error) => void;

  constructor(sealer: LineTaker, warn: (error: Error) => void) {
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

  override flush(done: (error?: Error) => void = () => undefined): Promise<void> {
    return super.flush().then(
      () => done(),
      (error: unknown) => {
        this.#warn(asError(error));
        done();
      },
    );
  }
}
