import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { LinkedStream } from '../verify/verdict/links.ts';
import type { FetchedPartition } from './client/committed-records.ts';
import type { FindingsTopic } from './findings-topic.ts';
import type { RunFrame } from './state/frames.ts';
import { PendingFrames } from './state/pending-frames.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { HeldBack, LossEvent } from './stream-event.ts';
import type { TopicReader } from './topic-reader.ts';
import { type OnTopicFinding, TopicStreams } from './topic-streams.ts';
import type { TopicTally } from './topic-tally.ts';

/** How often findings are written, and what was read is saved if that is due, in milliseconds. */
const TICK_MS = 1_000;
/** Reading takes at least so many times as long as writing: a snapshot is written whole, and grows. */
const READING_TIMES = 19;
/** What waits for the next snapshot takes at most this much memory, in bytes, but for one record. */
const MOST_PENDING = 128 * 2 ** 20;

/** What a verification is made of. */
export interface VerificationParts {
  readonly topic: string;
  readonly verify: VerifyOptions;
  readonly held: readonly string[];
  readonly reader: Pick<TopicReader, 'begin' | 'next' | 'heldBack'>;
  readonly state: StateDirectory | undefined;
  readonly findings: Pick<FindingsTopic, 'add' | 'flush'> | undefined;
  readonly onFinding: OnTopicFinding | undefined;
  /** Told how many bytes were read. */
  readonly onBytes: (bytes: number) => void;
}

/** What it comes to. */
export interface VerifiedTopic {
  readonly streams: readonly LinkedStream[];
  readonly tally: TopicTally;
  readonly positions: ReadonlyMap<number, number>;
  readonly heldBack: readonly HeldBack[];
}

/**
 * Reads a topic through the verifiers of its streams. What was found is written first, then offsets and what was read are saved
 * as one: whenever the process is killed, each record is in exactly one of what was saved and what is still to be read.
 */
export class TopicVerification {
  readonly #parts: VerificationParts;
  readonly #pending: PendingFrames | undefined;
  readonly #streams: TopicStreams;
  readonly #positions = new Map<number, number>();
  readonly #keeps = (run: RunFrame): boolean => this.#streams.keepsLeaves(run);
  readonly #pace = new SavingPace();
  #ticked = performance.now();
  #unsaved = false;
  #bytes = 0;

  constructor(parts: VerificationParts) {
    this.#parts = parts;
    this.#pending = parts.state === undefined ? undefined : new PendingFrames();
    this.#streams = new TopicStreams(parts.topic, parts.verify, parts.held, this.#pending, (origin, finding) => {
      parts.findings?.add(origin, finding);
      parts.onFinding?.(origin, finding);
    });
  }

  async run(): Promise<VerifiedTopic> {
    const { reader, findings } = this.#parts;
    await this.#resume();
    for (let parts = await reader.next(); parts !== undefined; parts = await reader.next()) {
      for (const part of parts) {
        if (part.kind === 'records') await this.#take(part.fetched);
        else await this.#lose(part.event);
      }
      this.#parts.onBytes(this.#bytes);
      if (performance.now() - this.#ticked >= TICK_MS) await this.#tick(this.#pace.isDue);
    }
    await this.#tick(true);
    const heldBack = await reader.heldBack();
    const streams = await this.#streams.end(heldBack);
    await findings?.flush();
    return { streams, tally: this.#streams.tally.tally, positions: this.#positions, heldBack };
  }

  async #take({ partition, records, next }: FetchedPartition): Promise<void> {
    for (const { offset, key, value } of records) {
      await this.#streams.take(partition, offset, key, value);
      this.#reach(partition, offset + 1);
      this.#bytes += value?.length ?? 0;
      if ((this.#pending?.length ?? 0) >= MOST_PENDING) await this.#makeRoom();
    }
    this.#reach(partition, next);
  }

  async #lose(event: LossEvent): Promise<void> {
    await this.#streams.lose(event);
    this.#reach(event.partition, event.to);
  }

  /** Everything before `offset` was taken. */
  #reach(partition: number, offset: number): void {
    if (this.#positions.get(partition) === offset) return;
    this.#positions.set(partition, offset);
    this.#unsaved = true;
  }

  async #resume(): Promise<void> {
    const { state, reader } = this.#parts;
    const saved = state?.saved;
    if (state !== undefined && saved !== undefined) {
      this.#streams.tally.restore(saved.tally);
      await this.#streams.replay(state.frames());
      for (const [partition, offset] of saved.positions) this.#positions.set(partition, offset);
    }
    this.#streams.tally.begin(await reader.begin(saved && new Map(saved.positions)));
  }

  async #makeRoom(): Promise<void> {
    await this.#pending?.shorten(this.#keeps);
    if ((this.#pending?.length ?? 0) > MOST_PENDING / 2) await this.#tick(true);
  }

  /** Writes what was found, and saves what was read if `isDue`. */
  async #tick(isDue: boolean): Promise<void> {
    this.#ticked = performance.now();
    const { state, findings } = this.#parts;
    const pending = this.#pending;
    await findings?.flush();
    if (state === undefined || pending === undefined || !this.#unsaved) return;
    this.#streams.closeRuns();
    if (this.#streams.keyServiceFailed) {
      pending.clear(); // what it would have said is asked again: nothing of it is saved from here on
      return;
    }
    if (!isDue) return;
    const progress = { positions: this.#positions, tally: this.#streams.tally.tally };
    await this.#pace.save(() => state.save(progress, pending, this.#keeps));
    pending.clear();
    this.#unsaved = false;
  }
}

/** When the next snapshot is due: at once, or later if the one before took long. */
export class SavingPace {
  readonly #now: () => number;
  #due = Number.NEGATIVE_INFINITY;

  /** @param now - a clock that never goes back, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isDue(): boolean {
    return this.#now() >= this.#due;
  }

  /** Saves, and sets when it is done again. */
  async save(work: () => Promise<void>): Promise<void> {
    const began = this.#now();
    await work();
    const end = this.#now();
    this.#due = end + READING_TIMES * (end - began);
  }
}
