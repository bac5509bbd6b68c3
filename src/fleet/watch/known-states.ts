import type { AuditFinding, StreamResult } from '../check/stream-result.ts';
import { stateOf, type Thing, thingsOf } from './stream-state.ts';

/** So many things of no stream are known one by one; of what is beyond that it is known how many there are. */
const MOST_THINGS = 10_000;

/** What is news of one result. */
export interface News {
  /** Whether a state is another one than what is known. */
  readonly isNews: boolean;
  /** The findings of the result; where it is about no stream, those first that were not known. */
  readonly findings: readonly AuditFinding[];
  /** The states that are to be known next; an empty one is forgotten. */
  readonly states: ReadonlyMap<string, string>;
}

/**
 * What streams and things are known to be in a state that is not ok. A stream goes by its name. What is of no stream goes by what
 * it is about, each file and each error by itself, and by how many more there are.
 */
export class KnownStates {
  readonly #streams = new Map<string, string>();
  readonly #things = new Map<string, string>();
  #seen = new Set<string>();
  /** How many things of this round are not known one by one. */
  #uncounted = new Map<string, number>();

  constructor(states: Iterable<readonly [string, string]> = []) {
    for (const [subject, state] of states) this.#mapOf(subject).set(subject, state);
  }

  /** Every subject with its state. */
  *entries(): Generator<[string, string]> {
    yield* this.#streams;
    yield* this.#things;
  }

  /** What was seen since the last round ended was of one that did not. */
  beginRound(): void {
    this.#seen = new Set();
    this.#uncounted = new Map();
  }

  /** Says what is news of a result, to be asked once in a round. */
  look(result: StreamResult): News {
    return result.stream === '' ? this.#lookAtThings(result) : this.#lookAtStream(result);
  }

  /** From now on that is known. @returns whether something has changed */
  note({ isNews, states }: News): boolean {
    for (const [subject, state] of states) {
      if (state === '') this.#mapOf(subject).delete(subject);
      else this.#mapOf(subject).set(subject, state);
    }
    return isNews;
  }

  /** Everything was looked at: what was not there is forgotten. @returns whether something has changed */
  endRound(): boolean {
    let hasChanged = false;
    for (const [subject, state] of this.entries()) {
      const count = this.#uncounted.get(subject);
      if (count !== undefined && count < Number(state)) this.#things.set(subject, String(count));
      else if (count !== undefined || this.#seen.has(subject)) continue;
      else this.#mapOf(subject).delete(subject);
      hasChanged = true;
    }
    this.beginRound();
    return hasChanged;
  }

  #lookAtStream(result: StreamResult): News {
    const { stream, findings } = result;
    const state = stateOf(result);
    this.#seen.add(stream);
    return { isNews: state !== (this.#streams.get(stream) ?? ''), findings, states: new Map([[stream, state]]) };
  }

  #lookAtThings(result: StreamResult): News {
    const state = stateOf(result);
    const [fresh, known]: [Thing[], Thing[]] = [[], []];
    for (const thing of thingsOf(result)) {
      this.#seen.add(thing.subject);
      ((this.#things.get(thing.subject) ?? '') === state ? known : fresh).push(thing);
    }
    const findings = [...fresh, ...known].flatMap(({ finding }) => finding ?? []);
    const room = Math.max(0, MOST_THINGS - this.#things.size);
    const states = new Map(fresh.slice(0, room).map(({ subject }) => [subject, state]));
    const hasMore = this.#countMore(` ${result.result}`, result.more + fresh.slice(room).length, states);
    return { isNews: states.size > 0 || hasMore, findings, states };
  }

  /** @returns whether there are more than is known, which is then among the states */
  #countMore(subject: string, more: number, states: Map<string, string>): boolean {
    const count = (this.#uncounted.get(subject) ?? 0) + more;
    if (count === 0) return false;
    this.#uncounted.set(subject, count);
    if (count <= Number(this.#things.get(subject) ?? 0)) return false;
    states.set(subject, String(count));
    return true;
  }

  #mapOf(subject: string): Map<string, string> {
    return subject.startsWith(' ') ? this.#things : this.#streams;
  }
}
