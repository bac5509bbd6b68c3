import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { LinkedStream } from '../verify/verdict/links.ts';
import type { FetchedPartition } from './client/committed-records.ts';
import type { FindingsTopic } from './findings-topic.ts';
import type { HeldBack, LossEvent } from './loss.ts';
import { shorterJournal } from './state/compaction.ts';
import { FrameBuffer } from './state/frames.ts';
import { BLOCK_LIMIT } from './state/journal.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { TopicReader } from './topic-reader.ts';
import { KEPT_LEAVES, type OnTopicFinding, TopicStreams } from './topic-streams.ts';
import type { TopicTally } from './topic-tally.ts';

/** So often what was read is saved, in milliseconds, */
const SAVE_EVERY_MS = 1_000;
/** or before so many bytes are to be written. */
const SAVE_AT = BLOCK_LIMIT;
/** A journal that is longer by this than after it was shortened is shortened again: by so many bytes, and by a half. */
const SHORTEN_AFTER = 16 * 2 ** 20;

/** What a verification is made of. */
export interface VerificationParts {
  readonly topic: string;
  readonly verify: VerifyOptions;
  readonly held: readonly string[];
  readonly reader: TopicReader;
  readonly state: StateDirectory | undefined;
  readonly findings: FindingsTopic | undefined;
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
  readonly #frames: FrameBuffer | undefined;
  readonly #streams: TopicStreams;
  readonly #positions = new Map<number, number>();
  #saved = Date.now();
  #unsaved = false;
  #shortened = 0;
  #bytes = 0;

  constructor(parts: VerificationParts) {
    this.#parts = parts;
    this.#frames = parts.state === undefined ? undefined : new FrameBuffer();
    this.#streams = new TopicStreams(parts.topic, parts.verify, parts.held, this.#frames, (origin, finding) => {
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
      if (Date.now() - this.#saved >= SAVE_EVERY_MS) await this.#save();
    }
    await this.#save();
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
      if ((this.#frames?.length ?? 0) >= SAVE_AT) await this.#save();
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
      for await (const body of state.bodies()) await this.#streams.replay(body);
      for (const [partition, offset] of saved.positions) this.#positions.set(partition, offset);
      this.#shortened = state.journalLength;
    }
    this.#streams.tally.begin(await reader.begin(saved?.positions));
    this.#saved = Date.now();
  }

  async #save(): Promise<void> {
    const { state, findings } = this.#parts;
    this.#saved = Date.now();
    await findings?.flush();
    if (state === undefined || this.#frames === undefined || !this.#unsaved) return;
    this.#streams.closeRuns();
    if (this.#streams.keyServiceFailed) {
      this.#frames.clear(); // what it would have said is asked again: nothing of it is saved from here on
      return;
    }
    const progress = { positions: this.#positions, tally: this.#streams.tally.tally };
    await state.save(this.#frames.bytes, progress);
    this.#frames.clear();
    this.#unsaved = false;
    if (state.journalLength - this.#shortened < Math.max(SHORTEN_AFTER, this.#shortened / 2)) return;
    await state.replaceJournal(shorterJournal(state.bodies(), this.#streams.reached, KEPT_LEAVES), progress);
    this.#shortened = state.journalLength;
  }
}
