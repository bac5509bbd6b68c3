import type { Findings, FindingsMark, Place } from '../model/findings.ts';
import type { Contradictions } from './contradictions.ts';
import type { Evidence } from './evidence.ts';

/**
 * A file that some program has written in another encoding. The dash in each signature line shows it: a log may have nothing else
 * beyond ASCII. Where an entry had, nobody can tell whether more than that was done to it (M8.33).
 */
export class ConvertedEncoding {
  readonly #findings: Findings;
  readonly #contradictions: Contradictions;
  readonly #evidence: Evidence;
  /** What was found before the file; undefined once the encoding is known. */
  #before: FindingsMark | undefined;

  constructor(findings: Findings, contradictions: Contradictions, evidence: Evidence) {
    this.#findings = findings;
    this.#contradictions = contradictions;
    this.#evidence = evidence;
  }

  beginFile(): void {
    this.#before = this.#findings.mark();
  }

  /** The checkpoint at this place was converted. */
  found(place: Place): void {
    if (this.#before === undefined) return;
    this.#findings.takeBack(this.#before, () => this.#contradictions.report(this.#evidence.settledSize), true);
    this.#before = undefined;
    const message = 'a program wrote this file in another encoding; its checkpoints cannot be checked';
    this.#findings.add('ENCODING_CONVERTED', place, message);
  }
}
