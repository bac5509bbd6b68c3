import { hash } from 'node:crypto';
import type { AuditFinding, StreamOutcome, StreamResult } from '../check/stream-result.ts';

/** What is new in one result. */
export interface News {
  /** Whether a state differs from the known one. */
  readonly isNews: boolean;
  /** The findings of the result; if it is about no stream, new ones first. */
  readonly findings: readonly AuditFinding[];
  /** The new states by subject. */
  readonly states: ReadonlyMap<string, string>;
}

/** Results that add nothing to the verdict; the others are findings by themselves. */
const QUIET: ReadonlySet<StreamOutcome> = new Set(['new', 'grown', 'unchanged', 'rewritten']);

/** A stream, a file of no stream, an error of no stream, or the number of further files. */
interface Subject {
  /** A stream has its own name. All others begin with a space, which no name of a stream does, and are short. */
  readonly name: string;
  /** `tampered`, `undecided stopped`; a number, if files are only counted; empty if it is ok. */
  readonly state: string;
  readonly finding?: AuditFinding;
}

/** The known states of streams, and of files and errors of no stream, that are not ok. */
export class KnownStates {
  readonly #states = new Map<string, string>();
  /** The states of this round. */
  readonly #seen = new Map<string, string>();

  /** Call it before the first result of a round: the round before may have failed halfway. */
  beginRound(): void {
    this.#seen.clear();
  }

  /** Compares a result with what is known. */
  look(result: StreamResult): News {
    const subjects = subjectsOf(result);
    for (const { name, state } of subjects) this.#seen.set(name, state);
    const fresh = subjects.filter((subject) => this.#isNew(subject));
    const sorted = new Set([...fresh, ...subjects]);
    return {
      isNews: fresh.length > 0,
      findings: result.stream === '' ? [...sorted].flatMap(({ finding }) => finding ?? []) : result.findings,
      states: new Map(fresh.map(({ name, state }) => [name, state])),
    };
  }

  /** From now on these states are the known ones. */
  note(states: News['states']): void {
    for (const [name, state] of states) {
      if (state === '') this.#states.delete(name);
      else this.#states.set(name, state);
    }
  }

  /** Call it when everything was looked at: forgets what is gone or ok again. */
  endRound(): void {
    for (const [name, state] of this.#states) {
      const seen = this.#seen.get(name) ?? '';
      if (seen === '') this.#states.delete(name);
      else if (isFewer(seen, state)) this.#states.set(name, seen);
    }
  }

  #isNew({ name, state }: Subject): boolean {
    const known = this.#states.get(name) ?? '';
    return state !== known && !isFewer(state, known);
  }
}

/** Only files that are counted have a number as their state. */
function isFewer(state: string, known: string): boolean {
  return Number(state) < Number(known);
}

/** What a result is about, with its state. A result of no stream is about each of its files and errors. */
function subjectsOf({ stream, result, verdict, findings, more, error }: StreamResult): Subject[] {
  const state = verdict === 'ok' ? '' : QUIET.has(result) ? verdict : `${verdict} ${result}`;
  if (stream !== '') return [{ name: stream, state }];
  const subjects: Subject[] = findings.map((finding) => {
    const { code, file, message } = finding;
    return { name: nameOf(result, file === undefined ? [code, '', message] : [code, file]), state, finding };
  });
  if (error !== undefined) subjects.push({ name: nameOf(result, ['', error.code, error.message]), state });
  if (more > 0) subjects.push({ name: ` ${result}`, state: String(more) });
  return subjects.length > 0 ? subjects : [{ name: nameOf(result, []), state }];
}

function nameOf(result: StreamOutcome, about: readonly string[]): string {
  return ` ${result} ${hash('sha256', JSON.stringify(about), 'base64url').slice(0, 22)}`;
}
