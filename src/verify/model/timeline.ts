/** What happened to a stream over time, as its control entries and checkpoints tell it: for people who read a report. */

/** What an event is. */
export type TimelineKind = 'open' | 'hand_over' | 'gap' | 'close' | 'checkpoint';

/** One event. What it says is the log's own word, proven as far as the entry it comes from is. */
export interface TimelineEvent {
  readonly kind: TimelineKind;
  /** The entry that says so; of a hand-over the first one under the new key period, of a checkpoint its size. */
  readonly seq: number;
  /** UTC, by the writer's clock; of a gap the time since when, of a checkpoint that of its seal. */
  readonly time?: string;
  /** `why` of an open, a gap or a close (spec 2). */
  readonly why?: string;
  /** The key period that an open or a hand-over puts in force. */
  readonly keyId?: string;
  /** Lines that a gap says were lost; it may be 0. */
  readonly dropped?: number;
  /** By what a checkpoint verified; empty where its root is right and no key of the auditor checks it. */
  readonly checkedBy?: readonly ('mac' | 'signature')[];
  /** The file of an open. */
  readonly file?: string;
}

/** The events of a stream, and how many there were. */
export interface TimelineReport {
  /**
   * By seq. Of more events than are kept, an evenly spaced selection: of each kind always the first and the last. Events of
   * entries that a crash abandoned are left out.
   */
  readonly events: readonly TimelineEvent[];
  /** How many of each kind were read. */
  readonly counts: Readonly<Record<TimelineKind, number>>;
}

/** So many events of one kind are kept of a stream. */
const KEPT_PER_KIND = 256;
/** So many are kept of each, however many streams there are. */
const ALWAYS_KEPT = 8;

/** Room for events beyond the first few of each kind, over all streams of one report. */
export class TimelineRoom {
  #left: number;

  constructor(events = 20_000) {
    this.#left = events;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  giveBack(events: number): void {
    this.#left += events;
  }
}

/** Events of one kind: each, then every second, every fourth … in bounded memory. */
class EvenSelection {
  readonly #room: TimelineRoom;
  #kept: TimelineEvent[] = [];
  #stride = 1;
  #last: TimelineEvent | undefined;
  #count = 0;

  constructor(room: TimelineRoom) {
    this.#room = room;
  }

  get count(): number {
    return this.#count;
  }

  add(event: TimelineEvent): void {
    this.#last = event;
    const due = this.#count++ % this.#stride === 0;
    if (!due) return;
    if (this.#kept.length === KEPT_PER_KIND) this.#thin();
    const free = this.#kept.length < ALWAYS_KEPT;
    if (free || this.#room.take()) this.#kept.push(event);
    else this.#thin();
  }

  /** The event of this seq, where it is the last one. */
  lastAt(seq: number): TimelineEvent | undefined {
    return this.#last?.seq === seq ? this.#last : undefined;
  }

  /** Another event takes the place of the last one. */
  replaceLast(event: TimelineEvent): void {
    if (this.#kept.at(-1) === this.#last) this.#kept.splice(-1, 1, event);
    this.#last = event;
  }

  goBack(size: number): void {
    this.#keepOnly(this.#kept.filter(({ seq }) => seq <= size));
    if (this.#last !== undefined && this.#last.seq > size) this.#last = this.#kept.at(-1);
  }

  get events(): TimelineEvent[] {
    const last = this.#last;
    return last === undefined || this.#kept.at(-1) === last ? this.#kept : [...this.#kept, last];
  }

  #thin(): void {
    this.#keepOnly(this.#kept.filter((_, at) => at % 2 === 0));
    this.#stride *= 2;
  }

  #keepOnly(kept: TimelineEvent[]): void {
    const charged = (events: readonly TimelineEvent[]): number => Math.max(events.length - ALWAYS_KEPT, 0);
    this.#room.giveBack(charged(this.#kept) - charged(kept));
    this.#kept = kept;
  }
}

/** The timeline of one stream while it is read. It does not grow with the log. */
export class Timeline {
  readonly #kinds: Readonly<Record<TimelineKind, EvenSelection>>;

  constructor(room: TimelineRoom = new TimelineRoom()) {
    this.#kinds = {
      open: new EvenSelection(room),
      hand_over: new EvenSelection(room),
      gap: new EvenSelection(room),
      close: new EvenSelection(room),
      checkpoint: new EvenSelection(room),
    };
  }

  add(event: TimelineEvent): void {
    this.#kinds[event.kind].add(event);
  }

  /** A checkpoint whose root is right. The same one may come again with another signature (M4.6, M4.8). */
  addCheckpoint(seq: number, time: string | undefined, checkedBy: readonly ('mac' | 'signature')[]): void {
    const checkpoints = this.#kinds.checkpoint;
    const before = checkpoints.lastAt(seq);
    const by = new Set([...(before?.checkedBy ?? []), ...checkedBy]);
    const event = { kind: 'checkpoint', seq, ...(time !== undefined && { time }), checkedBy: [...by] } as const;
    if (before === undefined) checkpoints.add(event);
    else checkpoints.replaceLast(event);
  }

  /** The entries above `size` were abandoned. */
  goBack(size: number): void {
    for (const events of Object.values(this.#kinds)) events.goBack(size);
  }

  get report(): TimelineReport {
    const { open, hand_over, gap, close, checkpoint } = this.#kinds;
    const events = [...open.events, ...hand_over.events, ...gap.events, ...checkpoint.events, ...close.events];
    return {
      events: events.sort((a, b) => a.seq - b.seq),
      counts: {
        open: open.count,
        hand_over: hand_over.count,
        gap: gap.count,
        close: close.count,
        checkpoint: checkpoint.count,
      },
    };
  }
}

/** The timeline of a stream of which nothing was read. */
export const NO_TIMELINE: TimelineReport = new Timeline().report;
