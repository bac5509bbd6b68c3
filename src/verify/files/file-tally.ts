import { createHash, type Hash } from 'node:crypto';
import type { Source } from '../input/sources.ts';
import type { FileDetails } from '../verdict/report.ts';

/** What a report says of a file, counted while it is read. */
export class FileTally {
  readonly #source: Source;
  #hash: Hash | undefined;
  #bytes = 0;

  constructor(source: Source, digest: boolean) {
    this.#source = source;
    this.#hash = digest ? createHash('sha256') : undefined;
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  addChunk(chunk: Buffer): void {
    this.#hash?.update(chunk);
  }

  /** Other processes read it: its bytes do not pass here. */
  withoutDigest(): void {
    this.#hash = undefined;
  }

  /** The file was read to its end, and with it the entries of these seqs. */
  details(firstSeq: number, lastSeq: number): FileDetails {
    const { name, repeatable, size } = this.#source;
    return {
      file: name,
      ...(repeatable && { size }),
      bytes: this.#bytes,
      ...(this.#hash !== undefined && { sha256: this.#hash.digest('hex') }),
      ...(lastSeq >= firstSeq && firstSeq > 0 && { firstSeq, lastSeq }),
    };
  }
}
