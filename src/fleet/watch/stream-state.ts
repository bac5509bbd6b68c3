import type { StreamOutcome, StreamResult } from '../check/stream-result.ts';

/** What of a result is worth to be told once: whether something is wrong, and what. */

/** Results that are findings by themselves; of the others the verdict says all. */
const TELLING: ReadonlySet<StreamOutcome> = new Set([
  'removed',
  'stopped',
  'vanished',
  'rolled_back',
  'forked',
  'replaced',
  'missing',
  'unclaimed',
  'failed',
]);

/** What one result is about: a stream, or files of none. No name of a stream begins with a space. */
export function subjectOf({ stream, result }: Pick<StreamResult, 'stream' | 'result'>): string {
  return stream === '' ? ` ${result}` : stream;
}

/** The state of a stream: `tampered`, `undecided stopped`; empty where it is ok. */
export function stateOf({ verdict, result }: Pick<StreamResult, 'verdict' | 'result'>): string {
  if (verdict === 'ok') return '';
  return TELLING.has(result) ? `${verdict} ${result}` : verdict;
}

/** Says which results are news: states that are others than in the round before. */
export class StateChanges {
  #before: ReadonlyMap<string, string> = new Map();
  #now = new Map<string, string>();

  /** Whether the state is another one; takes note of it. */
  isNews(result: StreamResult): boolean {
    const [subject, state] = [subjectOf(result), stateOf(result)];
    if (state !== '') this.#now.set(subject, state);
    return state !== (this.#before.get(subject) ?? '');
  }

  /** All streams were looked at. */
  endRound(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
