import type { Epoch } from '../model/epoch.ts';
import { Settled } from '../model/settled.ts';
import { Successors } from '../model/successor-ranges.ts';

/** The most steps of the key schedule that a reader walks, over the whole log (spec 8.2). */
const STEP_LIMIT = 2 ** 20;
/** How a run marks the key periods that it takes over. */
type Mark = 'takenOver' | 'adopted';

const UNMARKED: Readonly<Record<Mark, number>> = {
  takenOver: Number.MAX_SAFE_INTEGER,
  adopted: Number.MAX_SAFE_INTEGER,
};

/** The key periods of a stream, in their order, and the one in force (spec 5, 8.3). Which they are is written only here. */
export class Epochs {
  #all: Epoch[] = [];
  readonly #earlier: Epoch[] = [];
  #inForce: Epoch | undefined;
  #announced: Epoch | undefined;
  #highest = 0;
  #stepsLeft = STEP_LIMIT;
  #settled = new Settled(0);
  #successors = new Successors();
  /** Where the adoption began that marked key periods last. */
  #markedFrom = { ...UNMARKED };

  /** Those of the range. */
  get all(): readonly Epoch[] {
    return this.#all;
  }

  /** Those of ranges that a hole has ended. */
  get earlier(): readonly Epoch[] {
    return this.#earlier;
  }

  /** Undefined where a hole, or an entry that was not understood, leaves open which it is. */
  get inForce(): Epoch | undefined {
    return this.#inForce;
  }

  /** The highest number ever named. */
  get highest(): number {
    return this.#highest;
  }

  get stepsLeft(): number {
    return this.#stepsLeft;
  }

  /** Which key periods are vouched for whatever comes, unless a run adopts them. */
  get settled(): Settled {
    return this.#settled;
  }

  /** Signers of vouched key periods, where the policy accepts successors as named. */
  get successors(): Successors {
    return this.#successors;
  }

  /** What is still settled after this number of adoptions in the range; nothing, if the writer went back. */
  settledAfter(adoptions: number): Settled {
    if (!this.#settled.stands(this.#all, adoptions)) this.#settled = new Settled(adoptions);
    return this.#settled;
  }

  /** Those introduced from here on that are not marked so. If the last adoption began no later, those that it marked stand as they are. */
  mark(from: number, as: Mark): Epoch[] {
    const known = from >= this.#markedFrom[as];
    this.#markedFrom[as] = from;
    const marked = this.#all.findLastIndex((epoch) => epoch.introducedAt < from || (known && epoch[as] !== undefined));
    return this.#all.slice(marked + 1).filter((epoch) => epoch[as] === undefined);
  }

  /** The keys of this number of steps are computed. */
  walk(steps: number): void {
    this.#stepsLeft -= steps;
  }

  /** An entry names this number. */
  name(number: number): void {
    this.#highest = Math.max(this.#highest, number);
  }

  /** A key entry announces one; it is in force after the next seal. */
  announce(epoch: Epoch): void {
    this.#announced = epoch;
  }

  /** The seal of a hand-over has passed. @returns the one that is in force now; undefined where none was announced */
  handOver(): Epoch | undefined {
    const next = this.#announced;
    this.#announced = undefined;
    if (next !== undefined) this.#enter(next);
    return next;
  }

  /** An open brings one into force; whatever was announced never comes. */
  begin(epoch: Epoch): void {
    this.#dropAnnounced();
    this.#enter(epoch);
  }

  /** It shows that the last one is in force still. */
  resume(): void {
    this.#inForce = this.#all.at(-1);
  }

  /** Which one is in force cannot be told any more. */
  lose(): void {
    this.#inForce = undefined;
  }

  /** The writer went back to `size` entries. @returns the one in force there */
  goBack(size: number): Epoch | undefined {
    while ((this.#all.at(-1)?.introducedAt ?? 0) > size) this.#all.pop()?.schedule?.erase();
    this.#dropAnnounced();
    this.resume();
    return this.#inForce;
  }

  /** Another range begins. */
  beginRange(): void {
    this.erase();
    this.#earlier.push(...this.#all);
    this.#all = [];
    this.#inForce = undefined;
    this.#announced = undefined;
    this.#settled = new Settled(0);
    this.#successors = new Successors();
    this.#markedFrom = { ...UNMARKED };
  }

  /** Erases their keys. */
  erase(): void {
    for (const epoch of this.#all) epoch.schedule?.erase();
    this.#announced?.schedule?.erase();
  }

  #enter(epoch: Epoch): void {
    this.#inForce?.schedule?.erase();
    this.#all.push(epoch);
    this.#inForce = epoch;
  }

  #dropAnnounced(): void {
    this.#announced?.schedule?.erase();
    this.#announced = undefined;
  }
}
