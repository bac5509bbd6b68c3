import type { Answer, Case } from './both-sides.ts';
import { linesOf } from './honest-log.ts';

/**
 * Where our verifier is stricter than the letter of the text, and it is not decided which of the two should give way. Each
 * is counted by itself; that our side says 0 alone is never one.
 */
const questions: readonly { readonly name: string; readonly asks: (one: Case, ours: Answer) => boolean }[] = [
  {
    // M8.21: live and with `until` the log ends at the proven end; an epoch that is introduced above it is judged all the same
    name: 'an epoch that is introduced above the proven end',
    asks: ({ brings }, { codes }) => {
      const tail = /^UNSEALED_TAIL (\d+)$/m.exec(codes.join('\n'))?.[1];
      const judged = codes.filter((code) => /^(NO_KEY|KEY_NOT_NAMED|UNVOUCHED) /.test(code));
      const above = judged.every((code) => Number(code.split(' ')[1]) >= Number(tail));
      return (brings.live === true || brings.until !== undefined) && tail !== undefined && judged.length > 0 && above;
    },
  },
  {
    // M8.2: a file belongs to the stream whose TAG one of its entries carries, also where a pattern names the stream
    name: 'a file without an open, of a stream that a pattern names',
    asks: ({ brings, files }) => {
      const pattern = typeof brings.origin === 'string' && brings.origin.endsWith('*');
      return pattern && files.some(({ bytes }) => !linesOf(bytes).some((line) => line.includes('"kind":"open"')));
    },
  },
];

/** The open question that a disagreement comes down to. */
export function openQuestion(one: Case, ours: Answer, theirs: Answer): string | undefined {
  if (ours.verdict !== 2 || theirs.verdict !== 0) return undefined;
  return questions.find(({ asks }) => asks(one, ours))?.name;
}
