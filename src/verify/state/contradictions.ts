import type { Findings, Place } from '../model/findings.ts';

interface Contradiction {
  readonly size: number;
  readonly place: Place;
  readonly message: string;
}

/**
 * Sizes at which the tree is not the one that the auditor holds a checkpoint or a time stamp of. As long as a later open may
 * abandon the entries up to such a size (M8.26), nothing is said of it.
 */
export class Contradictions {
  readonly #findings: Findings;
  #waiting: Contradiction[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(size: number, place: Place, message: string): void {
    this.#waiting.push({ size, place, message });
  }

  /** The writer went back to `size` entries: what was read above was no part of the log. */
  goBack(size: number): void {
    this.#waiting = this.#waiting.filter((one) => one.size <= size);
  }

  /** Nothing more comes of the range. Up to `size` nothing can be abandoned any more; what is above may be, by what is not here. */
  report(size: number): void {
    for (const one of this.#waiting) {
      if (one.size <= size) this.#findings.add('KNOWN_CONTRADICTED', one.place, one.message);
    }
    this.#waiting = [];
  }
}
