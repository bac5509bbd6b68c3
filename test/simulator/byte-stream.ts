import type { Sealer } from '../../src/index.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';

/** The lines of a process as a stream of bytes: its chunks end anywhere, and the last line may lack its end for a while. */
export class ByteStream {
  readonly #stream: ReturnType<Sealer['toWritable']>;
  readonly #random: Random;
  readonly #life: Life;
  #lacksEnd = false;
  #isClosed = false;

  /** @param failed - told what the stream emits as an error */
  constructor(sealer: Sealer, life: Life, random: Random, failed: (error: unknown) => void) {
    this.#stream = sealer.toWritable();
    this.#random = random;
    this.#life = life;
    this.#stream.on('error', failed);
  }

  /** Whether it takes more. */
  get isOpen(): boolean {
    return this.#stream.writable;
  }

  /** Whether the sealer has not been given all of it. */
  get waits(): boolean {
    return this.#stream.writableLength > 0;
  }

  /** How many lines it was given that nobody can count yet, since their end has not come: none or one. */
  get begun(): number {
    return this.#lacksEnd ? 1 : 0;
  }

  /** The sealer is told to close: it takes a last line as it is, and nobody waits for the end of a later one. */
  close(): void {
    this.#lacksEnd = false;
    this.#isClosed = true;
  }

  /** @returns false where it holds its producer back */
  write(lines: string): boolean {
    const lacksEnd = !this.#isClosed && this.#random.chance(0.2);
    const text = `${this.#lacksEnd ? '\n' : ''}${lacksEnd ? lines.slice(0, -1) : lines}`;
    this.#lacksEnd = lacksEnd;
    for (let at = 0; at < text.length && !this.#life.isOver; ) {
      const end = this.#random.chance(0.5) ? text.length : this.#random.between(at + 1, text.length);
      const chunk = text.slice(at, end);
      this.#stream.write(this.#random.chance(0.5) ? chunk : Buffer.from(chunk));
      at = end;
    }
    return this.#stream.writableLength === 0;
  }

  flush(): Promise<void> {
    return this.#stream.flush();
  }

  /** As a `pipeline` ends it. */
  end(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.end((error?: Error | null) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
