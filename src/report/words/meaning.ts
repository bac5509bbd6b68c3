import type { StreamReport, VerifyReport } from '../../verify/verdict/report.ts';
import { erasedCount } from './erased.ts';
import { takenOverUnchecked } from './forgers.ts';
import { isBesideEntries } from './verdict-words.ts';

/** What a verdict means, and what it does not: each one sentence. */
export interface Meaning {
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const TAKEN_OVER =
  'It does not show that entries which a restart took over unchecked are as they were sealed. Anyone who could write to the files between the crash and the restart could have forged them.';
const LOST = 'It does not show what was in lines that the writer lost before it could seal them.';
const ERASED =
  'It does not show what erased records said. It shows that a record was there, and where; who erased it, when and why is what the erasure log says.';
const UNPROVEN = 'It says nothing about entries after the last proven one: no checkpoint covers them yet.';
const AFTER = 'It does not show what came after the last entry.';

/** What the verdict of a report means: no more than what was checked. */
export function meaningOf({ verdict, streams }: VerifyReport): Meaning {
  const unchecked = streams.some((stream) => takenOverUnchecked(stream).count > 0);
  const lost = streams.some(({ droppedLines }) => droppedLines > 0);
  const also = [
    ...(unchecked ? [TAKEN_OVER] : []),
    ...(lost ? [LOST] : []),
    ...(erasedCount(streams) > 0 ? [ERASED] : []),
  ];
  switch (verdict) {
    case 'ok':
      return okMeaning(streams, unchecked, also);
    case 'tampered':
      return {
        yes: [
          streams.every(isBesideEntries)
            ? 'A manifest beside the log is wrong or missing, or the log is weaker than your policy demands. No entry was found to contradict its seals.'
            : 'The files are not what was sealed. At least one thing contradicts the seals, and this report says what and where.',
          ...(streams.some(({ provenSize }) => provenSize > 0)
            ? [
                `Entries up to the last proven one are as they were sealed, except for ${exceptFor(streams, unchecked)}.`,
              ]
            : []),
        ],
        no: [
          'It does not show who did it, or why. Disk damage or a tool that rewrites lines can look like intent.',
          'It does not show what the entries said before, unless another copy exists.',
          ...also,
          AFTER,
        ],
      };
    case 'undecided':
      return {
        yes: [
          'Something needed to decide is missing: a key, a file, a signature, or the end of the log. The findings say what.',
          'Once it is there, check again; the verdict may then be ok or tampered.',
        ],
        no: [
          'It is not an accusation: nothing here contradicts the seals.',
          'It is not an ok either: anything that was not checked may have been changed.',
          ...also,
          AFTER,
        ],
      };
  }
}

function exceptFor(streams: readonly StreamReport[], unchecked: boolean): string {
  const isHoled = streams.some(({ unproven = [], provenSize }) => unproven.some((one) => one.firstSeq <= provenSize));
  const others = [
    ...(unchecked ? ['those that a restart took over unchecked'] : []),
    ...(isHoled ? ['those between the last checkpoint before a missing part and that part'] : []),
  ];
  return ['those that a finding names', ...others].join(' and ');
}

function okMeaning(streams: readonly StreamReport[], unchecked: boolean, also: readonly string[]): Meaning {
  const later = streams.some(({ firstSeq }) => firstSeq > 1);
  const open = streams.some(({ provenSize, lastSeq }) => provenSize < lastSeq);
  const range = [later && ' from the first one that is given', open && ' up to the proven one']
    .filter(Boolean)
    .join('');
  const others = [
    ...(unchecked ? ['those that a restart took over unchecked'] : []),
    ...(erasedCount(streams) > 0 ? ['the erased ones, whose places are unchanged'] : []),
  ];
  const but = others.length === 0 ? '' : `, other than ${others.join(' and ')},`;
  return {
    yes: [
      `Every entry${range}${but} is here, in its order, byte for byte as the writer sealed it, and was checked with keys that you named.`,
      `Anyone who changed, removed, inserted or reordered one of these entries would have needed the keys listed below under “Who could have forged this log”.`,
    ],
    no: [
      ...also,
      ...(open ? [UNPROVEN] : []),
      'It does not show that what the application wrote is true or complete.',
      AFTER,
      'Times come from the clock of the writer.',
    ],
  };
}
