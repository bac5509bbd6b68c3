import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import type { TreeHead } from '../../format/control.ts';
import type { AuthMember } from '../../format/entry.ts';
import { type KeyReference, signersOf } from '../../format/key-reference.ts';
import type { Steps } from '../../foundation/steps.ts';
import { checkNote, isConfirmed } from '../checkpoint/note-signing.ts';
import { STDOUT } from '../disk/names.ts';
import { RECOVER } from '../disk/state-record.ts';
import type { Epoch } from '../epoch/epoch.ts';
import type { Resumption } from '../resume/recovery.ts';
import type { Opening } from './stream-writer.ts';

/**
 * Refuses what only a hand-over may do (spec 5): from MACs back to checksums, or to no signers.
 *
 * @throws {@link TamperError} `MODE_CHANGE`
 */
export function checkMode(
  before: KeyReference | undefined,
  epoch: { readonly origin: string; readonly member: AuthMember; readonly signers: readonly unknown[] },
): void {
  if (before === undefined) return;
  const change =
    before.records === 'mac' && epoch.member === 'hash'
      ? 'its records carried MACs, but now would carry only checksums'
      : signersOf(before).length > 0 && epoch.signers.length === 0
        ? 'its checkpoints were signed, but now would not be'
        : undefined;
  if (change === undefined) return;
  throw new TamperError('MODE_CHANGE', `the stream ${epoch.origin} cannot continue like this: ${change}`, {
    hint: `A verifier must take this for tampering. Configure the keys as before, or begin a new stream that cites this one: ${RECOVER}.`,
  });
}

/** What the first `open` of a run says (spec 2, 6, M6.4). */
export function* openingOf(
  resumption: Resumption,
  epoch: Epoch,
  after: Opening['after'],
  warn: (error: unknown) => void,
): Steps<Opening> {
  const { size, torn, why } = resumption;
  const before = resumption.current?.key;
  const withSigners = epoch.signers.length > 0 || (before !== undefined && signersOf(before).length > 0);
  const checkpoint = yield* newestCheckpoint(resumption, withSigners, epoch, warn);
  const signed = checkpoint?.size ?? 0;
  return {
    why,
    ...(checkpoint && { checkpoint: { size: checkpoint.size, root: checkpoint.root } }),
    ...(torn && { torn }),
    ...(after && size === 0 && { after }),
    ...(withSigners && signed < size && { adoptedFrom: signed + 1 }),
  };
}

/** The largest size whose line carries a signature that verifies; our MAC counts only where no signers are concerned. */
function* newestCheckpoint(
  resumption: Resumption,
  withSigners: boolean,
  epoch: Epoch,
  warn: (error: unknown) => void,
): Steps<TreeHead | undefined> {
  const enough = withSigners ? ['signed'] : ['signed', 'mac'];
  const pending = resumption.pending && parseSignedCheckpoint(resumption.pending.note);
  // it is published before the open, but in a file without a line nothing stands before that (spec 4)
  const publishable = resumption.account !== undefined || resumption.file === STDOUT;
  let newest: TreeHead | undefined = withSigners || !publishable ? undefined : pending;
  const newestFirst = [...resumption.candidates].sort((one, other) => other.size - one.size);
  for (const candidate of newestFirst) {
    if (newest !== undefined && newest.size >= candidate.size) return newest;
    const { key } = candidate;
    const note = parseSignedCheckpoint(candidate.note);
    if (note === undefined) continue;
    const worth = yield* checkNote(note, key);
    if (enough.includes(worth) || (yield* isConfirmed(note, key, epoch, warn))) newest = candidate;
  }
  return newest;
}
