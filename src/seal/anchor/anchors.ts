import { setMaxListeners } from 'node:events';
import { isS3Address } from '../../config/s3-address.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { isAddress, shownName, whyText } from './anchor-name.ts';
import type { ObjectStore, OpenBucket } from './object-anchor.ts';

/** An anchor has so long to take a checkpoint, in milliseconds. */
const REQUEST_LIMIT = 10_000;
/** So long it has left once the log has ended, in milliseconds: a process that is done must not wait for it. */
const END_LIMIT = 3_000;
/** So many checkpoints wait for an anchor that is away; beyond that the oldest goes, because a newer one covers more. */
const BACKLOG = 100;

interface Anchor {
  readonly name: string;
  waiting: readonly string[];
  busy: boolean;
  /** Open as long as the process: its idle connections keep nothing alive. */
  store?: ObjectStore;
}

/**
 * Additional destinations for every checkpoint: a file gets it as a checkpoint line, a URL as a POST of the note, a bucket as
 * an object.
 */
export class Anchors {
  readonly #anchors: readonly Anchor[];
  readonly #openBucket: OpenBucket;
  readonly #warn: (error: TamperError) => void;
  readonly #ended = new AbortController();

  constructor(names: readonly string[], openBucket: OpenBucket, warn: (error: TamperError) => void) {
    this.#anchors = names.map((name) => ({ name, waiting: [], busy: false }));
    this.#openBucket = openBucket;
    this.#warn = warn;
    setMaxListeners(0, this.#ended.signal); // one listener for each request is not a leak
  }

  /** Gives a signed note to every anchor. One that fails gets it again with the next. */
  async publish(note: string): Promise<void> {
    await Promise.all(
      this.#anchors.map(async (anchor) => {
        anchor.waiting = [...anchor.waiting, note].slice(-BACKLOG);
        if (anchor.busy) return;
        anchor.busy = true;
        try {
          for (let next = anchor.waiting[0]; next !== undefined; next = anchor.waiting[0]) {
            await this.#give(anchor, next);
            anchor.waiting = anchor.waiting.filter((one) => one !== next);
          }
        } catch (cause) {
          this.#warn(notAccepted(anchor.name, cause));
        } finally {
          anchor.busy = false;
        }
      }),
    );
  }

  /** The log has ended: what is under way has a few seconds left. */
  end(): void {
    setTimeout(() => this.#ended.abort(), END_LIMIT).unref();
  }

  async #give(anchor: Anchor, note: string): Promise<void> {
    const { name } = anchor;
    const bounds = { what: `the anchor ${shownName(name)}`, timeoutMs: REQUEST_LIMIT, signal: this.#ended.signal };
    if (!isAddress(name)) {
      const { appendNote } = await import('./file-anchor.ts');
      return appendNote(anchor, note, bounds);
    }
    if (!isS3Address(name)) {
      const { postNote } = await import('./http-anchor.ts');
      return postNote(name, note, bounds);
    }
    const { keepNote, placeOf } = await import('./object-anchor.ts');
    try {
      await withDeadline(bounds, async (signal) => {
        anchor.store ??= await this.#openBucket(placeOf(name).bucket);
        await keepNote(anchor.store, name, note, signal);
      });
    } catch (error) {
      if (!isTamperError(error, 'STATE_CONFLICT')) throw error;
      this.#warn(error); // asked again it would say the same, and the next ones wait
    }
  }
}

function notAccepted(name: string, cause: unknown): TamperError {
  const message = `the anchor ${shownName(name)} did not accept a checkpoint${whyText(cause)}`;
  return new TamperError('UNAVAILABLE', message, { cause });
}
