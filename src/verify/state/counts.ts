import type { OpenEntry } from '../../format/control.ts';

/** How much a stream holds, and since when (spec 8.8). What a control entry says is compared with these; only they are written here. */
export class Counts {
  #records = 0;
  #sinceSeal = 0;
  #sinceOpen = 0;
  #dropped = 0;
  #droppedSinceSeal = 0;
  #gapSinceSeal = false;
  #sealTime: string | undefined;
  #lastTime: string | undefined;
  #every: OpenEntry['every'] | undefined;

  /** Record lines of the whole log. */
  get records(): number {
    return this.#records;
  }

  get recordsSinceSeal(): number {
    return this.#sinceSeal;
  }

  get recordsSinceOpen(): number {
    return this.#sinceOpen;
  }

  /** Lines of the whole log that gaps say were lost. */
  get dropped(): number {
    return this.#dropped;
  }

  get droppedSinceSeal(): number {
    return this.#droppedSinceSeal;
  }

  get gapSinceSeal(): boolean {
    return this.#gapSinceSeal;
  }

  /** Time of the run's last open, seal or close. */
  get sealTime(): string | undefined {
    return this.#sealTime;
  }

  /** Time of the last control entry of the whole log. */
  get lastTime(): string | undefined {
    return this.#lastTime;
  }

  /** The promise of the newest open (M2.5). */
  get every(): OpenEntry['every'] | undefined {
    return this.#every;
  }

  /** So many records. */
  add(records: number): void {
    this.#records += records;
    this.#sinceSeal += records;
    this.#sinceOpen += records;
  }

  gap(dropped: number): void {
    this.#dropped += dropped;
    this.#droppedSinceSeal += dropped;
    this.#gapSinceSeal = true;
  }

  /** Entries are not here: a seal, or an open, may be among them. */
  skip(): void {
    this.#gapSinceSeal = true;
  }

  /** A control entry carries this time. */
  pass(time: string): void {
    this.#lastTime = time;
  }

  /** A seal or a close ends what was counted since the last one. */
  seal(time: string): void {
    this.#sealTime = time;
    this.#sinceSeal = 0;
    this.#droppedSinceSeal = 0;
    this.#gapSinceSeal = false;
  }

  /** An open begins a file; that of a run also ends what was counted since the last seal. */
  open({ time, every }: OpenEntry, beginsRun: boolean): void {
    this.#sealTime = time;
    this.#every = every;
    this.#gapSinceSeal = false;
    this.#sinceOpen = 0;
    if (!beginsRun) return;
    this.#sinceSeal = 0;
    this.#droppedSinceSeal = 0;
  }

  /** Another range begins: what counts for the whole log stays. */
  beginRange(): void {
    this.#sinceSeal = 0;
    this.#sinceOpen = 0;
    this.#droppedSinceSeal = 0;
    this.#gapSinceSeal = false;
    this.#sealTime = undefined;
    this.#every = undefined;
  }
}
