import type { FileFactsCollector } from '../model/file-facts.ts';

/** The file that is being read, and whether all is here that its writer wrote. It is written only here. */
export class PresentFile {
  #facts: FileFactsCollector | undefined;
  #afterCut = false;
  #endsEarly = false;
  #isRewritten = false;
  #unterminatedBytes = 0;

  /** What its manifest will be checked against; undefined where there is no manifest. */
  get facts(): FileFactsCollector | undefined {
    return this.#facts;
  }

  /** The file before ends inside a line, or too early: what came behind it there is not known. */
  get afterCut(): boolean {
    return this.#afterCut;
  }

  /** What was read of it but checkpoints was written again: its entries cannot be read. */
  get isRewritten(): boolean {
    return this.#isRewritten;
  }

  /** Bytes without LF at the end of the file that was read last, as long as nothing explains them. */
  get unterminatedBytes(): number {
    return this.#unterminatedBytes;
  }

  /** Whether the file that was read last is not all that its writer wrote. */
  get isCut(): boolean {
    return this.#unterminatedBytes > 0 || this.#endsEarly;
  }

  begin(facts: FileFactsCollector | undefined): void {
    this.#facts = facts;
    this.#afterCut = this.isCut;
    this.#endsEarly = false;
    this.#isRewritten = false;
  }

  /** Whether all lines before the first entry are ours, but not as they were sealed. */
  seemRewritten(isRewritten: boolean): void {
    this.#isRewritten = isRewritten;
  }

  /** It ends before the entry that its manifest names as its last one. */
  endEarly(): void {
    this.#endsEarly = true;
  }

  endUnterminated(bytes: number): void {
    this.#unterminatedBytes = bytes;
  }

  /** What follows, or a finding, explains the bytes without LF. */
  explainUnterminated(): void {
    this.#unterminatedBytes = 0;
  }

  end(): void {
    this.#facts = undefined;
  }
}
