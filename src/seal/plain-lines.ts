import { openSync } from 'node:fs';
import type { ResolvedConfig } from '../config/index.ts';
import { asError } from '../errors.ts';
import { closeDescriptor, writeWhole } from '../foundation/descriptor.ts';
import { STDOUT } from './disk/names.ts';
import { cannotWrite, PLAIN_MODE, plainFile, UNSEALED } from './plain-writer.ts';
import type { LineTaker } from './sealer-stream.ts';
import { endsLine } from './stream/pending-lines.ts';

/**
 * Takes a sealer's place where `enabled` is false: lines go to the end of {@link plainFile}, or to standard output, as they are. A
 * line that cannot be written is a warning of the process, once, and never an error of the application.
 */
export class PlainLines implements LineTaker {
  /** Undefined for standard output. */
  readonly #fd: number | undefined;
  #isOpen = true;
  #isTold = false;
  /** A piece of a line was written. */
  #goesOn = false;

  /** @throws WRITE_FAILED, ORIGIN_INVALID */
  constructor(config: ResolvedConfig) {
    const base = plainFile(config);
    if (base.endsWith(UNSEALED)) process.emitWarning(`enabled is false: lines go to ${base} and are not sealed`);
    try {
      this.#fd = base === STDOUT ? undefined : openSync(base, 'a', PLAIN_MODE);
    } catch (cause) {
      throw cannotWrite(base, cause);
    }
  }

  write(chunk: string | Uint8Array): true {
    if (chunk.length > 0 || !this.#goesOn) this.#write(chunk);
    if (!endsLine(chunk)) this.#write('\n');
    this.#goesOn = false;
    return true;
  }

  writePiece(piece: Uint8Array): true {
    this.#write(piece);
    this.#goesOn = true;
    return true;
  }

  once(): void {}

  off(): void {}

  async flush(done?: () => void): Promise<void> {
    done?.();
  }

  flushSync(): void {}

  async close(): Promise<void> {
    if (this.#isOpen && this.#fd !== undefined) closeDescriptor(this.#fd);
    this.#isOpen = false;
  }

  #write(chunk: string | Uint8Array): void {
    if (!this.#isOpen) return;
    if (this.#fd === undefined) {
      process.stdout.write(chunk);
      return;
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    try {
      writeWhole(this.#fd, bytes);
    } catch (error) {
      if (!this.#isTold) process.emitWarning(asError(error));
      this.#isTold = true;
    }
  }
}
