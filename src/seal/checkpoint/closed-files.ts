import { STDOUT } from '../disk/names.ts';
import type { StreamState } from '../disk/state-record.ts';
import { writeManifest } from './manifest-writer.ts';
import type { SealJob } from './seal-job.ts';
import type { FileClosedEvent } from './sealer-events.ts';

/** What a {@link ClosedFiles} is made from. */
export interface ClosedFilesOptions {
  readonly compressRotated: boolean;
  /** Whether somebody needs the file as it is, by its number: it is not compressed then. */
  readonly isNeeded: (inode: string) => boolean;
  readonly closed: (event: FileClosedEvent) => void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verify: ((event: FileClosedEvent) => Promise<void>) | undefined;
  readonly warn: (error: unknown) => void;
}

/** What happens to a file after its close has its checkpoint: manifest, compression, check. One file after the other. */
export class ClosedFiles {
  readonly #options: ClosedFilesOptions;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ClosedFilesOptions) {
    this.#options = options;
  }

  /** A file's last entry has its checkpoint. */
  add(job: SealJob, note: string, after: StreamState['after']): void {
    if (job.file === STDOUT || !job.sink.inPlace) return; // M7.2: what has the file's name now is another file
    const bytes = job.sink.size;
    this.#work = this.#work.then(() => this.#finish(job, bytes, note, after)).catch(this.#options.warn);
  }

  /** Nobody waits any more: what is not done is left. A missing manifest is no finding (spec 7). */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is left to do. */
  done(): Promise<void> {
    return this.#work;
  }

  /** Asked again after each wait. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  async #finish(job: SealJob, bytes: number, note: string, after: StreamState['after']): Promise<void> {
    if (this.#isStopped()) return;
    const manifest = await writeManifest(job, bytes, note, after);
    if (manifest === undefined || this.#isStopped()) return;
    const { compressRotated, isNeeded } = this.#options;
    const compressed = compressRotated && job.closes?.why !== 'shutdown' && !isNeeded(job.sink.inode);
    const file = compressed ? await compressFile(job.file) : job.file;
    const event = { origin: job.epoch.origin, file, manifest };
    this.#options.closed(event);
    await this.#options.verify?.(event);
  }
}

/** The code and zlib are loaded only where a file is compressed: every logging process would pay for them at its start. */
async function compressFile(file: string): Promise<string> {
  const { compress } = await import('./compression.ts');
  return compress(file);
}
