import { hash } from 'node:crypto';
import type { AuditFinding, StreamOutcome, StreamResult } from '../check/stream-result.ts';

/** What of a result is worth to be told once: whether something is wrong, with what, and what. */

/** Results of which the verdict says all; the others are findings by themselves. */
const QUIET: ReadonlySet<StreamOutcome> = new Set(['new', 'grown', 'unchanged', 'rewritten']);

/** The state of a stream, or of a thing of no stream: `tampered`, `undecided stopped`; empty where it is ok. */
export function stateOf({ verdict, result }: Pick<StreamResult, 'verdict' | 'result'>): string {
  if (verdict === 'ok') return '';
  return QUIET.has(result) ? verdict : `${verdict} ${result}`;
}

/** One of the things that a result of no stream is about: a file, a text that cannot be read. */
export interface Thing {
  /** It begins with a space, which no name of a stream does. Short, whatever its file is called. */
  readonly subject: string;
  /** Absent where it is an error. */
  readonly finding?: AuditFinding;
}

/** The things that a result of no stream is about. */
export function thingsOf({ result, findings, error }: StreamResult): Thing[] {
  const things: Thing[] = findings.map((finding) => {
    const { code, file, message } = finding;
    return { subject: subjectOf(result, file === undefined ? [code, '', message] : [code, file]), finding };
  });
  if (error !== undefined) things.push({ subject: subjectOf(result, ['', error.code, error.message]) });
  return things.length > 0 ? things : [{ subject: subjectOf(result, []) }];
}

function subjectOf(result: StreamOutcome, about: readonly string[]): string {
  return ` ${result} ${hash('sha256', JSON.stringify(about), 'base64url').slice(0, 22)}`;
}
