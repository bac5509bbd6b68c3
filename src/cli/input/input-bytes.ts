import type { Readable } from 'node:stream';

/** Bytes of an input, as they come. */
export interface InputBytes {
  /** So many bytes before each chunk may be written to. */
  readonly room: number;
  /** Whether what is not taken stays where it is, as in a file; what a pipe holds is gone with its reader. */
  readonly stays: boolean;
  /** @returns the next chunk, good until this is called again; undefined at the end. @throws what reading throws */
  next(): Promise<Buffer | undefined>;
  /** Lets go of the input, which would keep the process alive: nothing more is read from then on. */
  close(): void;
}

/** The bytes of a stream. */
export function bytesOfStream(stream: Readable): InputBytes {
  const iterator: AsyncIterator<unknown> = stream.iterator({ destroyOnReturn: true });
  return {
    room: 0,
    stays: false,
    async next() {
      const result = await iterator.next();
      if (result.done === true) return undefined;
      return Buffer.isBuffer(result.value) ? result.value : Buffer.from(String(result.value));
    },
    close() {
      stream.destroy();
    },
  };
}
