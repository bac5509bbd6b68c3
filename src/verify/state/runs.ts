import type { OpenEntry } from '../../format/control.ts';
import type { Run } from '../model/epoch.ts';
import { addTakenOver, type TakenOver } from '../model/taken-over.ts';

/**
 * The runs of a stream's writer, what each took over of the one before, and what was given up (spec 6, "Adoption"; M8.15, M8.26).
 * It is written only here.
 */
export class Runs {
  #current: Run | undefined;
  #count = 0;
  #after: OpenEntry['after'];
  #adoptions: { readonly run: number; readonly from: number }[] = [];
  readonly #takenOver: TakenOver[] = [];
  /** What of it had no MACs that were checked. */
  readonly #adopted: TakenOver[] = [];
  #adoptedEntries = 0;
  #abandonedEntries = 0;

  get current(): Run | undefined {
    return this.#current;
  }

  /** How many there were in the whole log. */
  get count(): number {
    return this.#count;
  }

  /** What the first open says of the stream that this one goes on from (M2.2). */
  get after(): OpenEntry['after'] {
    return this.#after;
  }

  /** How often a run of the range took over entries. */
  get adoptions(): number {
    return this.#adoptions.length;
  }

  /** What restarts took over, in every range. */
  get takenOver(): readonly TakenOver[] {
    return this.#takenOver;
  }

  /** How many entries of it had no MACs that were checked. */
  get adoptedEntries(): number {
    return this.#adoptedEntries;
  }

  get abandonedEntries(): number {
    return this.#abandonedEntries;
  }

  /** By the index of a run: the smallest seq that this run or a later one adopted. */
  adoptedFrom(): number[] {
    const from = new Array<number>(this.#count + 2).fill(Number.MAX_SAFE_INTEGER);
    for (const adoption of this.#adoptions) from[adoption.run] = Math.min(from[adoption.run] ?? 0, adoption.from);
    for (let run = this.#count; run >= 0; run--) from[run] = Math.min(from[run] ?? 0, from[run + 1] ?? 0);
    return from;
  }

  /** The stream's first open names the stream before it. */
  follow(after: OpenEntry['after']): void {
    this.#after ??= after;
  }

  begin(run: Omit<Run, 'index'>): Run {
    this.#count++;
    this.#current = { ...run, index: this.#count };
    return this.#current;
  }

  /** The run that begins takes over entries that nothing signed before. */
  takeOver(taken: TakenOver): void {
    this.#adoptions.push({ run: this.#count, from: taken.firstSeq });
    addTakenOver(this.#takenOver, taken);
    if (!taken.macChecked) this.#adoptedEntries += addTakenOver(this.#adopted, taken);
  }

  abandon(entries: number): void {
    this.#abandonedEntries += entries;
  }

  /** Another range begins: what counts for the whole log stays. */
  beginRange(): void {
    this.#current = undefined;
    this.#adoptions = [];
  }
}
