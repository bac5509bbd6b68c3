import type { Epoch, SignerId } from './epoch.ts';
import type { Settled } from './settled.ts';

/** Sizes that a signer counts for as the successor of a key that the auditor named. */
interface SuccessorRange {
  readonly from: number;
  until: number;
}

const OPEN = Number.MAX_SAFE_INTEGER;

/**
 * The signers of vouched key periods, each from the entry that introduces it until a hand-over leaves it behind (M8.13). What
 * holds for the leading key periods that are settled is kept; only what comes after them is gone through again.
 */
export class Successors {
  #settled = new Map<SignerId, SuccessorRange[]>();
  #late = new Map<SignerId, SuccessorRange[]>();
  /** Hand-overs after the settled key periods that leave one of their signers behind: the seal. */
  #left = new Map<SignerId, number>();
  #followed: Settled | undefined;
  #count = 0;

  has(id: SignerId): boolean {
    return this.#settled.has(id) || this.#late.has(id);
  }

  covers(id: SignerId, size: number): boolean {
    const left = this.#left.get(id) ?? OPEN;
    const covered = ({ from, until }: SuccessorRange): boolean => size >= from && size <= until;
    const settled = this.#settled.get(id)?.some((range) => covered(range) && (range.until !== OPEN || size <= left));
    return settled === true || this.#late.get(id)?.some(covered) === true;
  }

  /** Follows the key periods as they are now. */
  follow(epochs: readonly Epoch[], settled: Settled): void {
    if (settled !== this.#followed) {
      this.#settled = new Map();
      this.#count = 0;
      this.#followed = settled;
    }
    for (; this.#count < settled.count; this.#count++) this.#take(epochs[this.#count] as Epoch);
    this.#late = new Map();
    this.#left = new Map();
    for (let at = settled.count; at < epochs.length; at++) this.#takeLate(epochs[at] as Epoch);
  }

  #take(epoch: Epoch): void {
    for (const id of leftBehind(epoch)) close(this.#settled.get(id), epoch);
    if (!epoch.signersProven) return; // a run took it over
    for (const id of epoch.signers.keys()) begin(this.#settled, id, epoch);
  }

  #takeLate(epoch: Epoch): void {
    for (const id of leftBehind(epoch)) {
      close(this.#late.get(id), epoch);
      if (this.#isOpen(id)) this.#left.set(id, epoch.handOverSeal ?? 0);
    }
    if (!epoch.signersProven) return;
    for (const id of epoch.signers.keys()) if (!this.#isOpen(id)) begin(this.#late, id, epoch);
  }

  /** Whether a settled range of the key goes on to here. */
  #isOpen(id: SignerId): boolean {
    return this.#settled.get(id)?.at(-1)?.until === OPEN && !this.#left.has(id);
  }
}

function leftBehind(epoch: Epoch): SignerId[] {
  return [...(epoch.predecessor?.signers.keys() ?? [])].filter((id) => !epoch.signers.has(id));
}

function close(ranges: SuccessorRange[] | undefined, epoch: Epoch): void {
  const last = ranges?.at(-1);
  if (last?.until === OPEN) last.until = epoch.handOverSeal ?? 0;
}

function begin(ranges: Map<SignerId, SuccessorRange[]>, id: SignerId, epoch: Epoch): void {
  const own = ranges.get(id) ?? [];
  if (own.at(-1)?.until === OPEN) return;
  own.push({ from: epoch.introducedAt, until: OPEN });
  ranges.set(id, own);
}
