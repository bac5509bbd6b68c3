import type { OnProblem, OnWhole } from '../input/source-problem.ts';
import type { FindingsMark } from '../model/findings.ts';
import type { StreamState } from '../state/state.ts';

/**
 * Of a compressed file nobody knows before a member's end whether its bytes are right: what was found in a member whose
 * checksum fails, or that cannot be decompressed, is taken back (M8.22).
 */
export class WholeSoFar {
  readonly #states: () => readonly StreamState[];
  #marks = new Map<StreamState, FindingsMark>();

  /** @param states - the streams that the file's lines go to: more may begin while it is read */
  constructor(states: () => readonly StreamState[]) {
    this.#states = states;
    this.onWhole();
  }

  readonly onWhole: OnWhole = () => {
    this.#marks = new Map(this.#states().map((state) => [state, state.findings.mark()]));
  };

  readonly onProblem: OnProblem = (problem, message) => {
    for (const state of this.#states()) {
      if (problem === 'UNREADABLE') {
        const mark = this.#marks.get(state) ?? NOTHING;
        state.findings.takeBack(mark, () => state.contradictions.report(state.evidence.settledSize));
      }
      state.find(problem, message);
      if (problem !== 'GZIP_TRAILING') state.coverage.breakOffFile();
    }
  };
}

/** Of a stream that began in the damaged member. */
const NOTHING: FindingsMark = {
  kept: 0,
  counts: new Map(),
  keptOf: new Map(),
  tampered: false,
  undecided: false,
};
