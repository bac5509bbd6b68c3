import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { readText } from '../../foundation/read-text.ts';

/** Checkpoints that the auditor holds, as text. */

/** @throws {@link TamperError} `FORMAT_INVALID` with `place` */
export function readHeldNote(note: string, place: string): SignedCheckpoint {
  const checkpoint = parseSignedCheckpoint(note);
  if (checkpoint !== undefined) return checkpoint;
  throw new TamperError('FORMAT_INVALID', `${place} is not a signed note`, {
    hint: 'A held checkpoint is the note as it was printed: origin, size, root, an empty line, signatures.',
  });
}

/** Reads a file with a checkpoint. @throws {@link TamperError} `FORMAT_INVALID`, `NOT_FOUND`, `READ_FAILED` */
export async function loadCheckpoint(path: string): Promise<string> {
  const note = await readText(path);
  readHeldNote(note, path);
  return note;
}
