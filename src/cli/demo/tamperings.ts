/** Four things that somebody with access to the disk might do to a log, each without any key. */

/** One way to spoil a log. */
export interface Tampering {
  /** What the intruder does, in plain words. */
  readonly what: string;
  /** What it is good for. */
  readonly why: string;
  /** Spoils the lines of a sealed file. */
  readonly apply: (lines: readonly string[]) => string[];
  /** What the auditor keeps from before, where nothing in the file itself can tell. */
  readonly needsKnown: boolean;
}

/** Indexes of the records, in the order of the file. */
function recordsOf(lines: readonly string[]): number[] {
  return lines.flatMap((line, index) => (/"integrity":\{"seq":\d+,(?!"kind")/.test(line) ? [index] : []));
}

function record(lines: readonly string[], share: number): number {
  const records = recordsOf(lines);
  return records[Math.floor((records.length - 1) * share)] ?? 0;
}

/** One character of a record's own text becomes another. */
function alter(line: string): string {
  const end = line.lastIndexOf(',"integrity":');
  const at = line.slice(0, end).search(/[0-9a-z][^0-9a-z]*$/i);
  const replacement = line[at] === '0' ? '1' : '0';
  return line.slice(0, at) + replacement + line.slice(at + 1);
}

export const tamperings: readonly Tampering[] = [
  {
    what: 'changes one character of one record',
    why: 'another amount, another user, another result',
    apply: (lines) => lines.map((line, index) => (index === record(lines, 0.5) ? alter(line) : line)),
    needsKnown: false,
  },
  {
    what: 'deletes records',
    why: 'what they recorded never happened',
    apply: (lines) => {
      const gone = recordsOf(lines).filter((index) => [0, 1].includes(index - record(lines, 0.3)));
      return lines.filter((_, index) => !gone.includes(index));
    },
    needsKnown: false,
  },
  {
    what: 'swaps two neighbouring entries',
    why: 'first came the alarm, then the door opened; or was it the other way round?',
    apply: (lines) => {
      const records = recordsOf(lines);
      const from = Math.floor((records.length - 1) * 0.6);
      // a checkpoint line between two records may stand anywhere: to move it is no tampering
      const at = records.find((index, number) => number >= from && records[number + 1] === index + 1) ?? 0;
      const [one, other] = [lines[at] ?? '', lines[at + 1] ?? ''];
      return lines.map((line, index) => (index === at ? other : index === at + 1 ? one : line));
    },
    needsKnown: false,
  },
  {
    what: 'cuts off the end of the log at a point where it still looks complete',
    why: 'the last hour is gone',
    apply: (lines) => {
      const checkpoints = lines.flatMap((line, index) =>
        line.startsWith('{"integrity":{"kind":"checkpoint"') ? [index] : [],
      );
      return lines.slice(0, (checkpoints.at(-2) ?? 0) + 1);
    },
    needsKnown: true,
  },
];
