import { TamperError } from '../errors.ts';
import { readHeldNote } from '../verify/auditor/held-notes.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import { namesStream, patternsOf } from '../verify/files/grouping.ts';

/**
 * A checkpoint that is given on a command line is a demand. One of a stream that is not verified would be passed over, and the
 * verdict be taken for one that met it.
 *
 * @throws {@link TamperError} `USAGE`, with the stream; `FORMAT_INVALID`
 */
export function refuseStrangeNotes(options: VerifyOptions): void {
  const notes = [
    ...(options.held ?? []).map((note) => ({ what: '--since', note })),
    ...(options.timestamps ?? []).map(({ note }) => ({ what: '--timestamp', note })),
  ];
  if (notes.length === 0) return;
  const patterns = patternsOf(options);
  for (const { what, note } of notes) {
    const { origin } = readHeldNote(note, `the checkpoint of ${what}`);
    if (namesStream(patterns, origin, options.continued ?? false)) continue;
    throw new TamperError('USAGE', `${what}: its checkpoint is of the stream ${origin}, which is not verified here`, {
      hint: 'Name that stream with --origin or in the policy, or leave the checkpoint out.',
    });
  }
}
