import { setTimeout as delay } from 'node:timers/promises';
import { isTamperError, TamperError } from '../errors.ts';
import type { FetchedPartition } from './client/committed-records.ts';
import type { Fetched, TopicClient, TopicDescription } from './client/topic-client.ts';
import type { HeldBack, LossEvent } from './stream-event.ts';

/** How a topic is read. */
export interface TopicReading {
  /** Read on at the end, for what is still to come. */
  readonly follow: boolean;
  /** Fires when nothing more is wanted. */
  readonly stop: AbortSignal;
  /** Told of brokers that do not answer, and when they do again. */
  readonly onOutage: (error: TamperError | undefined) => void;
  /** So long brokers may be away, in milliseconds. */
  readonly patience: Patience;
}

/** How long brokers may be away before that is an error, in milliseconds. */
export interface Patience {
  readonly atStart: number;
  readonly underWay: number;
}

/** What is done with: records of a partition, or that offsets are not there. */
export type TopicPart =
  | { readonly kind: 'records'; readonly fetched: FetchedPartition }
  | { readonly kind: 'loss'; readonly event: LossEvent };

const WAIT_MS = 500;
/** So long a transaction is waited for at the end of a partition, in milliseconds. */
const TRANSACTION_MS = 15_000;
/** So often it is asked whether the topic has more partitions, or is another one, in milliseconds. */
const LOOK_MS = 30_000;
/** So long a topic that is known may be unknown to a broker that has just started, in milliseconds. */
const UNKNOWN_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Reads a topic from given offsets to where it ended when the reading began, or on and on. */
export class TopicReader {
  readonly #client: TopicClient;
  readonly #reading: TopicReading;
  readonly description: TopicDescription;
  readonly #positions = new Map<number, number>();
  #ends: readonly number[] | undefined;
  #ahead: Promise<Fetched> | undefined;
  #lost: TopicPart[] = [];
  #heldBack: HeldBack[] = [];
  #looked = Date.now();
  #progress = Date.now();

  private constructor(client: TopicClient, reading: TopicReading, description: TopicDescription) {
    this.#client = client;
    this.#reading = reading;
    this.description = description;
  }

  /** @throws {@link TamperError} what the brokers say; `UNAVAILABLE` where none answers for a while */
  static async open(client: TopicClient, reading: TopicReading): Promise<TopicReader> {
    const description = await steadily(reading.patience.atStart, reading, () => client.describe());
    return new TopicReader(client, reading, description);
  }

  /**
   * Goes to the offsets that were saved; to the beginning of the topic without any.
   *
   * @returns without any: the first offset of each partition that does not begin at 0
   */
  async begin(saved: ReadonlyMap<number, number> | undefined): Promise<readonly (readonly [number, number])[]> {
    const earliest = await this.#ask(() => this.#client.earliest());
    const latest = await this.#ask(() => this.#client.latest());
    for (const [partition, start] of earliest.entries()) {
      const from = saved === undefined ? start : (saved.get(partition) ?? 0);
      this.#place(partition, from, start, latest[partition] ?? start);
    }
    if (!this.#reading.follow) this.#ends = latest;
    return saved === undefined ? [...earliest.entries()].filter(([, start]) => start > 0) : [];
  }

  /**
   * What was held back at the end of the reading: it may hold anything, so no verdict is about it. Any producer can begin a
   * transaction, and never end it.
   */
  async heldBack(): Promise<readonly HeldBack[]> {
    if (!this.#reading.follow) return this.#heldBack;
    // the end is asked for first: what is written in between is behind it
    const ends = await this.#ask(() => this.#client.latest());
    const decided = await this.#ask(() => this.#client.decided());
    return ends.flatMap((to, partition) => {
      const from = decided[partition] ?? to;
      return from < to ? [{ partition, from, to }] : [];
    });
  }

  /** What comes next; undefined at the end. */
  async next(): Promise<readonly TopicPart[] | undefined> {
    try {
      return await this.#next();
    } catch (error) {
      if (this.#reading.stop.aborted && isTamperError(error) && error.retryable) return undefined;
      throw error;
    }
  }

  async #next(): Promise<readonly TopicPart[] | undefined> {
    if (this.#reading.follow && Date.now() - this.#looked > LOOK_MS) await this.#look();
    if (this.#lost.length > 0) return this.#lost.splice(0);
    if (this.#reading.stop.aborted) return undefined;
    const wanted = this.#wanted();
    if (wanted.size === 0) return undefined;
    const fetched = await this.#ask(() => {
      const ahead = this.#ahead ?? this.#client.fetch(wanted, WAIT_MS);
      this.#ahead = undefined;
      return ahead;
    });
    const parts: TopicPart[] = fetched.partitions.map((one) => ({ kind: 'records', fetched: one }));
    for (const { partition, next } of fetched.partitions) this.#reach(partition, next);
    if (!this.#reading.follow) await this.#leaveHeldBack(wanted);
    if (fetched.outOfRange.length > 0) parts.push(...(await this.#relocate(fetched.outOfRange)));
    this.#fetchAhead();
    return parts;
  }

  /** Gives up what was asked for ahead. */
  close(): void {
    this.#ahead = undefined;
  }

  #fetchAhead(): void {
    const wanted = this.#wanted();
    if (wanted.size === 0 || this.#reading.stop.aborted) return;
    this.#ahead = this.#client.fetch(wanted, WAIT_MS);
    this.#ahead.catch(() => undefined); // it is told where it is waited for
  }

  /** The partitions that have not been read to their ends. */
  #wanted(): Map<number, number> {
    const ends = this.#ends;
    if (ends === undefined) return new Map(this.#positions);
    return new Map([...this.#positions].filter(([partition, at]) => at < (ends[partition] ?? 0)));
  }

  /** Ends with partitions that give nothing more because of a transaction. @throws {@link TamperError} `READ_FAILED` for any other reason */
  async #leaveHeldBack(wanted: ReadonlyMap<number, number>): Promise<void> {
    const waited = Date.now() - this.#progress;
    if (waited < Math.min(TRANSACTION_MS, this.#reading.patience.underWay)) return;
    const decided = await this.#ask(() => this.#client.decided());
    const ends = [...(this.#ends ?? [])];
    for (const [partition, at] of wanted) {
      const to = ends[partition] ?? at;
      if ((decided[partition] ?? to) > at || to <= at) continue;
      this.#heldBack.push({ partition, from: at, to });
      ends[partition] = at;
    }
    this.#ends = ends;
    if (waited > this.#reading.patience.underWay && this.#wanted().size > 0) throw stuck(wanted);
  }

  /** The broker does not have the offset that was asked for: older ones were deleted meanwhile, or newer ones were lost. */
  async #relocate(partitions: readonly number[]): Promise<TopicPart[]> {
    const earliest = await this.#ask(() => this.#client.earliest());
    const latest = await this.#ask(() => this.#client.latest());
    for (const partition of partitions) {
      this.#place(partition, this.#positions.get(partition) ?? 0, earliest[partition] ?? 0, latest[partition] ?? 0);
    }
    return this.#lost.splice(0);
  }

  /** A topic may be given more partitions while it is read: they are read from their beginning. */
  async #look(): Promise<void> {
    this.#looked = Date.now();
    const { leaders } = await this.#ask(() => this.#describe());
    if (leaders.length <= this.#positions.size) return;
    const earliest = await this.#ask(() => this.#client.earliest());
    for (const [partition, start] of earliest.entries()) {
      if (!this.#positions.has(partition)) this.#place(partition, 0, start, start);
    }
  }

  /** @throws {@link TamperError} `STATE_CONFLICT` where the topic is another one by now */
  async #describe(): Promise<TopicDescription> {
    const present = await this.#client.describe();
    const { cluster, topicId } = this.description;
    if (present.cluster === cluster && present.topicId === topicId) return present;
    throw new TamperError('STATE_CONFLICT', 'the topic was deleted and made anew while it was read', {
      hint: 'What is in it now is another log: verify it with another --state.',
    });
  }

  #place(partition: number, from: number, start: number, end: number): void {
    const event = misplaced(partition, from, start, end);
    if (event !== undefined) this.#lost.push({ kind: 'loss', event });
    this.#reach(partition, event?.to ?? from);
  }

  #reach(partition: number, offset: number): void {
    if (this.#positions.get(partition) !== offset) this.#progress = Date.now();
    this.#positions.set(partition, offset);
  }

  async #ask<T>(act: () => Promise<T>): Promise<T> {
    return steadily(this.#reading.patience.underWay, this.#reading, act, async () => {
      await this.#describe();
    });
  }
}

function misplaced(partition: number, from: number, start: number, end: number): LossEvent | undefined {
  if (from < start) return { what: 'gap', partition, from, to: start };
  if (from > end) return { what: 'cut', partition, from, to: end };
  return undefined;
}

function stuck(wanted: ReadonlyMap<number, number>): TamperError {
  const [partition, offset] = [...wanted][0] ?? [];
  return new TamperError(
    'READ_FAILED',
    `partition ${partition} gives nothing from offset ${offset} on, and is longer`,
    {
      hint: 'Its leader may have batches that cannot be read.',
    },
  );
}

/** Repeats what may pass, and asks the cluster anew who leads before it does. */
async function steadily<T>(
  patience: number,
  { stop, onOutage }: Pick<TopicReading, 'stop' | 'onOutage'>,
  act: () => Promise<T>,
  prepare?: () => Promise<void>,
): Promise<T> {
  const begun = Date.now();
  const until = begun + patience;
  for (let pause = FIRST_PAUSE_MS, repeated = false; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS), repeated = true) {
    try {
      if (repeated) await prepare?.();
      const answer = await act();
      if (repeated) onOutage(undefined);
      return answer;
    } catch (error) {
      // under way a broker that has just started may not know the topic yet
      const unknown = prepare !== undefined && isTamperError(error, 'NOT_FOUND');
      const end = unknown ? Math.min(until, begun + UNKNOWN_MS) : until;
      if (!isTamperError(error) || !(error.retryable || unknown) || Date.now() + pause > end || stop.aborted)
        throw error;
      if (!repeated) onOutage(error);
    }
    await delay(pause, undefined, { signal: stop }).catch(() => undefined); // stopped: the next failure is the last
  }
}
