import { sizeOf } from '../memory/remembered.ts';
import type { StreamFile, StreamLook } from './family-look.ts';

/**
 * What of a stream has to be read again. If a stream was ok, its newest checkpoint commits to all that was read: what ends below
 * it and is unchanged is not read once more. It is not read because its entries are still there, and they are there only if
 * unchanged files hold every entry from the first one to where the reading begins. Whatever is not plainly so is verified whole.
 */

/** Which files of a stream are verified. */
export type Plan =
  | { readonly what: 'nothing' }
  /** Those from entry `from` on; the newest checkpoint that is remembered proves that they go on from the others. */
  | { readonly what: 'added'; readonly from: number; readonly files: readonly StreamFile[] }
  /** All; `distrusted`: because something is not as it was remembered. */
  | { readonly what: 'whole'; readonly distrusted: boolean };

/** What a plan goes by besides the files. */
export interface PlanRules {
  /** The digest of what a verdict rests on now. */
  readonly basis: string;
  /** Whether the verdict may be another one merely because time went by. */
  readonly asksTime: boolean;
  /** Files whose last entry is older may be gone, in milliseconds since 1970; undefined: none may. */
  readonly mayBeGoneBefore: number | undefined;
  /** Whether all is read again, however little has changed. */
  readonly reread: boolean;
}

/** A run that goes on in a next file does so at once, in milliseconds. */
const AT_ONCE = 60_000;

const NOTHING: Plan = { what: 'nothing' };
const WHOLE: Plan = { what: 'whole', distrusted: false };
/** Something is not as it was remembered. */
export const DISTRUSTED: Plan = { what: 'whole', distrusted: true };

/** Whether everything that is gone is what a retention deletes: the oldest files, whose entries are old enough. */
export function isExpired({ gone, files }: StreamLook, before: number | undefined): boolean {
  if (before === undefined || gone.length === 0) return false;
  const firstLeft = Math.min(...files.map(({ firstSeq }) => firstSeq ?? Number.MAX_SAFE_INTEGER));
  return gone.every(
    ({ by, lastSeq }) => by !== undefined && Date.parse(by) < before && (lastSeq === undefined || lastSeq < firstLeft),
  );
}

/** What makes more to be read than what is new. */
export interface PlanReasons {
  /** Something is verified in any case, because another stream cites this one. */
  readonly always?: boolean;
  /** What was read holds a checkpoint of only so many entries: the file in which the last of them stands is read too. */
  readonly checkpointOf?: number | undefined;
}

/** What of a stream is read: nothing, what is new, or all. */
export function planOf(look: StreamLook, rules: PlanRules, { always = false, checkpointOf }: PlanReasons = {}): Plan {
  const { remembered, files, gone } = look;
  if (remembered === undefined) return WHOLE;
  const { verdict, basis, newest, sealed } = remembered;
  if (verdict !== 'ok' || basis !== rules.basis || newest === undefined) return DISTRUSTED;
  const expired = isExpired(look, rules.mayBeGoneBefore);
  if (gone.length > 0 && !expired) return DISTRUSTED;
  if (rules.reread) return WHOLE;
  const first = expired
    ? Math.min(...files.map(({ firstSeq = Number.MAX_SAFE_INTEGER }) => firstSeq))
    : remembered.firstSeq;
  const proven = sizeOf(newest);
  const reached = reachedFrom(first, files);
  if (!always && !rules.asksTime && files.every(({ unchanged }) => unchanged))
    return reached < proven ? DISTRUSTED : NOTHING;
  const from = beginning(files, checkpointOf === undefined ? proven : Math.min(proven, checkpointOf - 1), sealed);
  if (from <= first) return WHOLE;
  const isBelow = ({ firstSeq, unchanged }: StreamFile): boolean =>
    firstSeq !== undefined && firstSeq < from && unchanged !== undefined;
  const toRead = files.filter((file) => !isBelow(file));
  const reachesIn = files.some((file) => isBelow(file) && (file.unchanged?.lastSeq ?? 0) >= from);
  if (reached < from - 1 || reachesIn || toRead.some(({ firstSeq = from }) => firstSeq < from)) return DISTRUSTED;
  return { what: 'added', from, files: toRead };
}

/** The last entry up to which unchanged files hold every one, from `first` on. */
function reachedFrom(first: number, files: readonly StreamFile[]): number {
  const ranges = files
    .flatMap(({ unchanged: { firstSeq, lastSeq } = {} }) =>
      firstSeq === undefined || lastSeq === undefined ? [] : [{ firstSeq, lastSeq }],
    )
    .sort((a, b) => a.firstSeq - b.firstSeq);
  let reached = first - 1;
  for (const { firstSeq, lastSeq } of ranges) if (firstSeq <= reached + 1) reached = Math.max(reached, lastSeq);
  return reached;
}

/** The first entry that is read: where a file begins that the checkpoint of so many entries reaches, or that goes on from it. */
function beginning(files: readonly StreamFile[], size: number, sealed: string | undefined): number {
  const begins = (file: StreamFile): number => file.firstSeq ?? Number.POSITIVE_INFINITY;
  // an unchanged file without a last entry is a copy of another, or has no entries
  const toRead = files.filter(({ unchanged }) => unchanged === undefined || (unchanged.lastSeq ?? 0) > size);
  const first = Math.min(...toRead.map(begins));
  if (first <= size) return first;
  const next = toRead.filter((file) => begins(file) === size + 1);
  if (first === size + 1 && next.length === 1 && next.every(({ open }) => goesOn(open, sealed))) return first;
  // a run that begins there is compared with the one before it
  return Math.max(1, ...files.map(({ firstSeq = 0 }) => (firstSeq <= size ? firstSeq : 0)));
}

function goesOn(open: StreamFile['open'], sealed: string | undefined): boolean {
  if (open?.why !== 'rotated' || sealed === undefined) return false;
  const pause = Date.parse(open.time) - Date.parse(sealed);
  return pause >= 0 && pause <= AT_ONCE;
}
