import type { BaseIssue } from 'valibot';
import { isPlainWord } from '../../format/plain-word.ts';

/** Messages of a schema that hold nothing of the input: it may be a secret that was taken for another file. */
export const withoutInput: { message: (issue: BaseIssue<unknown>) => string } = {
  message: ({ expected, type }) => {
    if (type === 'parse_json') return 'this is not JSON';
    if (expected === 'never') return 'this member does not exist';
    return expected === null ? 'this value is not allowed here' : `must be ${expected}`;
  },
};

/** Where something is wrong and what, as `streams[0].origin: must be string`. */
export function schemaProblem({ path, message }: BaseIssue<unknown>, whole: string): string {
  const at = (path ?? []).map(({ key }) => {
    if (typeof key === 'number') return `[${key}]`;
    return typeof key === 'string' && isPlainWord(key) ? `.${key}` : '.(a name that is not shown)';
  });
  return `${at.length === 0 ? whole : at.join('').replace(/^\./, '')}: ${message}`;
}
