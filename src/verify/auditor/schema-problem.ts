import type { BaseIssue } from 'valibot';
import { isPlainWord } from '../../format/members.ts';

/** Messages of a schema that hold nothing of the input: it may be a secret that was taken for another file. */
export const withoutInput: { message: (issue: BaseIssue<unknown>) => string } = {
  message: ({ expected, type }) => {
    if (type === 'parse_json') return 'this is not JSON';
    if (expected === 'never') return 'this member does not exist';
    if (type === 'non_empty') return 'must not be empty';
    if (type === 'strict_object' && expected !== 'Object') return 'this member is missing';
    return expected === null ? 'this value is not allowed here' : `must be ${inWords(expected)}`;
  },
};

const words: Readonly<Record<string, string>> = { Array: 'a list', Object: 'an object', string: 'text' };

function inWords(expected: string): string {
  const choice = /^\((.*)\)$/.exec(expected)?.[1];
  if (choice !== undefined) return `one of ${choice.replaceAll(' | ', ', ').replaceAll('"', '')}`;
  return words[expected] ?? expected.replace(/^>=/, 'at least ').replace(/^<=/, 'at most ');
}

/** Where something is wrong and what, as `streams[0].origin: must be text`. A misspelled member is missing too: its spelling is told. */
export function schemaProblem(issues: readonly [BaseIssue<unknown>, ...BaseIssue<unknown>[]], whole: string): string {
  const { path, message } = issues.find(({ expected }) => expected === 'never') ?? issues[0];
  const at = (path ?? []).map(({ key }) => {
    if (typeof key === 'number') return `[${key}]`;
    return typeof key === 'string' && isPlainWord(key) ? `.${key}` : '.(a name that is not shown)';
  });
  return `${at.length === 0 ? whole : at.join('').replace(/^\./, '')}: ${message}`;
}
