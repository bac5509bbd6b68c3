import type { ConnectionPool } from '@platformatic/kafka';
import { TamperError } from '../../errors.ts';
import { guardAnswers, unreadable } from '../../foundation/guarded-socket.ts';

/** No answer of a broker is longer, in bytes: more than twice what a fetch asks for, since one batch is always whole. */
const LONGEST = 21 * 1024 * 1024;
const HEAD = 4;
/**
 * So long may the client take for anything, in milliseconds: each of its requests has less, but of a broker that knows no requests
 * it asks for ever which ones.
 */
const ASK_MS = 90_000;

/** Follows the answers of a broker as they arrive: the length of each stands before it. */
class FrameBounds {
  readonly #party: string;
  #left = 0;
  #head = 0;
  #length = 0;

  constructor(party: string) {
    this.#party = party;
  }

  /** @throws {@link TamperError} `RESPONSE_MALFORMED` */
  check(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      this.#length = this.#length * 256 + (bytes[at++] ?? 0);
      if (++this.#head < HEAD) continue;
      const length = this.#length;
      this.#head = 0;
      this.#length = 0;
      if (length < HEAD || length > LONGEST) throw unreadable(this.#party, `a length of ${length} bytes`);
      this.#left = length;
    }
  }
}

/**
 * The answers that a client of Kafka gets: bounded, and if the client fails at one, all that is asked of it fails, as it forgets
 * to say so.
 */
export class GuardedAnswers {
  readonly #waiting = new Set<(error: TamperError) => void>();
  readonly #party: string;
  #failure: TamperError | undefined;

  /** Why nothing more is asked. */
  get failure(): TamperError | undefined {
    return this.#failure;
  }

  /** @param party - whom to name in errors */
  constructor({ connections }: { readonly connections: ConnectionPool }, party: string) {
    this.#party = party;
    connections.on('connecting', ({ connection }) => {
      // the socket is made after this event, and nothing can have come by then
      queueMicrotask(() => {
        const bounds = new FrameBounds(party);
        guardAnswers(
          connection.socket,
          party,
          (bytes) => bounds.check(bytes),
          (error) => this.#fail(error),
        );
      });
    });
  }

  /** Waits for what a client was asked. @throws {@link TamperError} `RESPONSE_MALFORMED`, `TIMEOUT`, besides what it throws itself */
  async ask<T>(act: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    let reject: (error: TamperError) => void = () => undefined;
    const failed = new Promise<never>((_, refuse) => {
      reject = refuse;
    });
    this.#waiting.add(reject);
    const timer = setTimeout(() => {
      const hint = 'Check the addresses of the brokers: something else may be listening there.';
      this.#fail(new TamperError('TIMEOUT', `${this.#party}: no end within ${ASK_MS / 1000} s`, { hint }));
    }, ASK_MS);
    try {
      return await Promise.race([act(), failed]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  #fail(error: TamperError): void {
    this.#failure ??= error;
    for (const reject of this.#waiting) reject(error);
  }
}
