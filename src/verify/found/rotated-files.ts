import { tagOf } from '../../format/origin.ts';
import type { PeekedSource } from '../input/peek.ts';
import { placeInLog } from '../input/rotated-names.ts';

/**
 * A carrier begins a new file wherever it likes, so that one may hold nothing but pieces of lines, and checkpoints. What is in it does not say
 * where it belongs; its name does. Nothing of that is trusted: put together wrongly, a line is none that was sealed.
 */

/**
 * Says of each file of pieces beside which one it belongs, where a file of the same log has an entry; there, of each of checkpoints alone too.
 *
 * @param mixed - whether a file may have lines of several streams
 */
export function withNeighbours(files: readonly PeekedSource[], mixed = false): PeekedSource[] {
  if (files.every(({ pieces }) => pieces === undefined)) return [...files];
  const placed: PeekedSource[] = [];
  for (const log of fromTheOldest(files)) {
    if (log.every(({ pieces }) => pieces === undefined)) {
      placed.push(...log);
      continue;
    }
    const oldest = log.find(hasEntry);
    let before: PeekedSource | undefined;
    for (const file of log) {
      if (hasEntry(file)) before = file;
      const beside = before ?? oldest;
      const side = before === undefined ? 'before' : 'behind';
      placed.push(beside !== undefined && isPlacedByName(file, beside, mixed) ? besideOf(file, beside, side) : file);
    }
  }
  return placed;
}

/** The files of each log in the order in which they were written. */
function fromTheOldest(files: readonly PeekedSource[]): PeekedSource[][] {
  const logs = new Map<string, { readonly file: PeekedSource; readonly order: string }[]>();
  for (const file of files) {
    const { log, order } = placeInLog(file.source.name);
    const same = logs.get(log);
    if (same === undefined) logs.set(log, [{ file, order }]);
    else same.push({ file, order });
  }
  return [...logs.values()].map((log) =>
    log.sort((a, b) => (a.order < b.order ? -1 : Number(a.order > b.order))).map(({ file }) => file),
  );
}

const hasEntry = ({ peek }: PeekedSource): boolean => peek.seq !== undefined;

/** Between pieces a file of checkpoints alone has its place by its name too: behind what it is about, it could part the pieces of one line. */
function isPlacedByName(file: PeekedSource, beside: PeekedSource, mixed: boolean): boolean {
  const { pieces, peek, source } = file;
  if (pieces !== undefined) return true;
  if (source.carrier === undefined || peek.noted === undefined) return false;
  return mixed || tagOf(peek.noted.origin) === beside.peek.tag;
}

/** It is of the stream that its neighbour is of; a checkpoint in it, which may be of any entry before, says nothing of its place. */
function besideOf(file: PeekedSource, { source, peek }: PeekedSource, side: 'before' | 'behind'): PeekedSource {
  const { noted: _, ...rest } = file.peek;
  return { ...file, peek: { ...rest, tag: peek.tag }, neighbour: { name: source.name, side } };
}

/** Files in their order, those of pieces beside their neighbours. Where a neighbour was left out as a copy, so are they. */
export function besideNeighbours(ordered: readonly PeekedSource[]): PeekedSource[] {
  const sides = { before: new Map<string, PeekedSource[]>(), behind: new Map<string, PeekedSource[]>() };
  for (const file of ordered) {
    if (file.neighbour === undefined) continue;
    const side = sides[file.neighbour.side];
    const same = side.get(file.neighbour.name);
    if (same === undefined) side.set(file.neighbour.name, [file]);
    else same.push(file);
  }
  return ordered.flatMap((file) => {
    const { name } = file.source;
    return file.neighbour === undefined
      ? [...(sides.before.get(name) ?? []), file, ...(sides.behind.get(name) ?? [])]
      : [];
  });
}
