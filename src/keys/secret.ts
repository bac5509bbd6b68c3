import { inspect } from 'node:util';
import { TamperError } from '../errors.ts';

const redacted = '[redacted]';

/**
 * A credential in memory of our own. It prints `[redacted]` in the console, `inspect`, JSON, templates and errors.
 * Erasing is best effort: a string that it was made from, and copies made by an HTTP client, are out of our reach.
 */
export class Secret {
  #bytes: Buffer | undefined;

  static {
    Object.defineProperty(Secret.prototype, inspect.custom, { value: () => redacted });
  }

  /** @param value - a string (as UTF-8), or bytes, which are copied and stay the caller's */
  constructor(value: string | Uint8Array) {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    this.#bytes = Buffer.alloc(bytes.length);
    this.#bytes.set(bytes);
    if (typeof value === 'string' && Buffer.isBuffer(bytes)) bytes.fill(0);
  }

  /** Copies bytes into a secret and overwrites the input with zeros. */
  static take(bytes: Uint8Array): Secret {
    const secret = new Secret(bytes);
    bytes.fill(0);
    return secret;
  }

  /** The number of bytes; 0 after {@link Secret.erase}. */
  get length(): number {
    return this.#bytes?.length ?? 0;
  }

  /** Whether it was erased. */
  get erased(): boolean {
    return this.#bytes === undefined;
  }

  /**
   * Lends the bytes to `fn`, which must not keep them.
   *
   * @throws {TamperError} `PROVIDER_CLOSED` after {@link Secret.erase}
   */
  use<T>(fn: (bytes: Buffer) => T): T {
    if (this.#bytes === undefined) throw new TamperError('PROVIDER_CLOSED', 'the secret was erased');
    return fn(this.#bytes);
  }

  /** Another secret with the same bytes. */
  copy(): Secret {
    return this.use((bytes) => new Secret(bytes));
  }

  /** Whether both hold the same bytes. */
  equals(other: Secret): boolean {
    return this.use((one) => other.use((two) => one.equals(two)));
  }

  /** Overwrites the bytes with zeros. Safe to call twice. */
  erase(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  /** Always `[redacted]`. */
  toString(): string {
    return redacted;
  }

  /** Always `[redacted]`. */
  toJSON(): string {
    return redacted;
  }

  /** Always `[redacted]`. */
  [Symbol.toPrimitive](): string {
    return redacted;
  }
}
