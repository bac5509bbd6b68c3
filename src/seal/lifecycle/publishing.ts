import type { ResolvedConfig } from '../../config/index.ts';
import type { Anchors } from '../anchor/anchors.ts';
import type { OpenBucket } from '../anchor/object-anchor.ts';
import { ClosedFiles } from '../checkpoint/closed-files.ts';
import type { SealJob } from '../checkpoint/seal-job.ts';
import type { CheckpointEvent, FileClosedEvent } from '../checkpoint/sealer-events.ts';
import type { StreamRun } from '../stream/stream-run.ts';

/** What a {@link Publishing} needs of its sealer. */
export interface PublishingHost {
  checkpoint(event: CheckpointEvent): void;
  closed(event: FileClosedEvent): void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verify: ((event: FileClosedEvent) => Promise<void>) | undefined;
  /** Whether a closed file must stay as it is, by its number. */
  readonly isNeeded: (file: string) => Promise<boolean>;
  /** Opens the bucket of an anchor. */
  readonly openBucket: OpenBucket;
  warn(error: unknown): void;
}

/** What follows from a checkpoint line: events, anchors, and the work on a file that it closes. */
export class Publishing {
  readonly #host: PublishingHost;
  /** Undefined where there are none, as in most logs: their code is not loaded then. */
  readonly #anchors: Promise<Anchors> | undefined;
  readonly #files: ClosedFiles;
  /** The file that is open to the end, and what is known of it. */
  #last: (() => void) | undefined;

  constructor(config: ResolvedConfig, host: PublishingHost) {
    this.#host = host;
    const warn = (error: unknown): void => host.warn(error);
    if (config.anchors.length > 0) this.#anchors = anchorsOf(config.anchors, host.openBucket, warn);
    this.#anchors?.catch(warn); // it may be long before somebody asks for them
    this.#files = new ClosedFiles({
      compressRotated: config.compressRotated,
      isNeeded: (inode) => host.isNeeded(inode),
      closed: (event) => host.closed(event),
      verify: config.verifyOnClose ? host.verify : undefined,
      warn,
    });
  }

  /** A checkpoint line was appended. `full`: with everything that its key period promises. */
  published(run: StreamRun, job: SealJob, note: string, full: boolean): void {
    this.#host.checkpoint({ origin: run.stream.origin, size: job.size, note, complete: full });
    if (!full) return;
    if (job.closes !== undefined) this.#fileClosed(run, job, note);
    this.#withAnchors((anchors) => void anchors.publish(note));
  }

  /** A manifest is about the whole file: one that is written before the last line is there would belie an honest log. */
  #fileClosed(run: StreamRun, job: SealJob, note: string): void {
    const { log } = run;
    const add = (): void => this.#files.add(job, note, run.state.after);
    if (job.closes?.why === 'shutdown') {
      this.#last = () => {
        if (log.waiting === 0) add();
      };
    } else if (job.sink !== log.sink || log.waiting === 0) add();
    else void run.whenCovered(job.size).then(add);
  }

  #withAnchors(action: (anchors: Anchors) => void): void {
    this.#anchors?.then(action).catch((error: unknown) => this.#host.warn(error));
  }

  /** Begins no more work. */
  stop(): void {
    this.#withAnchors((anchors) => anchors.end());
    this.#files.stop();
  }

  /** The last file has its last line. Resolves when the work on closed files is done. */
  done(): Promise<void> {
    this.#withAnchors((anchors) => anchors.end());
    this.#last?.();
    this.#last = undefined;
    return this.#files.done();
  }
}

async function anchorsOf(
  names: readonly string[],
  openBucket: OpenBucket,
  warn: (error: unknown) => void,
): Promise<Anchors> {
  const { Anchors } = await import('../anchor/anchors.ts');
  return new Anchors(names, openBucket, warn);
}
