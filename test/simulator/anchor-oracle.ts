import type { Look } from './anchored.ts';
import { AnchorBucket, sizeOf } from './anchors.ts';
import { isToldByAnchor, type Run, type World } from './world.ts';

/** A start waits so long for an anchor, and for its keys and its disk, in milliseconds. */
const START_LIMIT = 5_000 + 1_500;

/** What an anchor told, or could not tell, of the log. */
const TOLD = /could not be asked|holds a checkpoint|: the object /;

type Add = (what: string, details?: string) => void;

/** A rollback below what an anchor has is told at each start that asks it; a start of a log that was not rolled back is never stopped. */
export function judgeAnchors(world: World, add: Add): void {
  for (const run of world.runs) {
    const isDone = run.readyAt !== undefined || isToldByAnchor(run);
    if (run.looks.length === 0 || !isDone) continue;
    for (const look of run.looks) judgeLook(world, run, look, add);
    const isStopped = isToldByAnchor(run) || run.readyAs !== run.looks[0]?.origin;
    const mayBeRight = run.isDisturbed && world.isRolledBack; // an old note may have come meanwhile
    if (isStopped && !mayBeRight && !run.looks.some(({ mayStop }) => mayStop))
      add('an anchor stops the start of an honest log', `${where(run)}: ${run.told.join('; ')}`);
    const { readyAt, startedAt, life } = run;
    const isInConflict = run.looks.some(({ place }) => place instanceof AnchorBucket && place.conflicts.has(life));
    if (isInConflict && run.ending === 'closed' && !run.told.some((text) => text.includes('holds something else')))
      add('an anchor holds something else where a checkpoint belongs, and nobody is told', where(run));
    const isAlone = world.runs.every((one) => one.number >= run.number || (one.ending === 'closed' && !one.hadFault));
    if (readyAt !== undefined && readyAt - startedAt > START_LIMIT && isAlone && !run.hadFault && !world.isSlow && !run.isDisturbed && !world.isRolledBack)
      add('a start waits too long for its anchors', `${where(run)}: ${readyAt - startedAt} ms`);
  }
} // biome-ignore format: short

function judgeLook(world: World, run: Run, look: Look, add: Add): void {
  const { place, contradicts, contradictsKnown, others } = look;
  const shown = place.kind === 'address' ? 'the anchor anchor.example.com' : `the anchor ${place.name}`;
  const told = run.told.filter((text) => text.includes(shown) && TOLD.test(text));
  const details = `${where(run)}, ${place.kind}: ${run.told.join('; ')}`;
  const isStopped = isToldByAnchor(run) || run.readyAs !== look.origin;
  if (others.size > 0 && !world.isRolledBack) add('an anchor has what an honest log lost', details);
  if (contradicts && !isStopped && told.length === 0 && !run.isDisturbed && !look.isHidden)
    add('a rollback is not told', details);
  // older files may be elsewhere, and a disk that fails gives no root
  const isComparable = contradictsKnown === 'larger' || (!look.isMoved && !run.hadFault);
  if (contradictsKnown !== 'no' && isComparable && look.isWell && !run.isDisturbed && !isStopped)
    add('a rollback stops no start', details);
  const isSilent = told.length === 0 && look.isWell && !run.isDisturbed && !run.hadFault && !isStopped;
  // after a kill the newest checkpoint may be where a start does not read; who never could write changed nothing
  const before = world.runs.findLast(({ number, readyAt }) => number < run.number && readyAt !== undefined);
  const isRecent = before?.ending === 'closed' && !before.hadFault && !world.isChain && !world.isRolledBack;
  if (look.isEmptied && isSilent && isRecent && !look.isMoved) add('an anchor that was emptied is not told', details);
  const isQuiet = look.isWell && !look.hasJunk && look.hasAny && !run.isDisturbed && !run.hadFault;
  const wrong = told.filter(
    (text) => !others.has(sizeSaid(text)) && !(look.isMoved && text.includes('cannot be compared')),
  );
  if (isQuiet && wrong.length > 0) add('an honest log is said to contradict its anchor', details);
}

/** At its end an anchor that is well has the last checkpoint. */
export function judgeLast({ anchored, isRolledBack, isSlow, runs }: World, add: Add): void {
  const last = anchored?.last ?? '';
  if (anchored === undefined || isRolledBack || isSlow || last === '') return;
  const origin = last.slice(0, last.indexOf('\n'));
  for (const place of anchored.places) {
    if (place.hasJunk || place.isOther) continue; // it is left alone
    const size = sizeOf(last);
    if (place.given(origin).some((note) => sizeOf(note) === size)) continue;
    add('an anchor that is well does not get the last checkpoint', `${place.kind}: ${runs.at(-1)?.told.join('; ')}`);
  }
}

const sizeSaid = (text: string): number => Number(/ at size (\d+)/.exec(text)?.[1]);
const where = ({ number, ending }: Run): string => `process ${number} (${ending})`;
