import type { SegmentProgram } from '../../verify/parallel/segment-program.ts';

/** The last argument of a process of ours that checks parts of a file for another one. */
export const CHECKS_SEGMENTS = '--check-segments';

/**
 * Takes the place of `verify/parallel/segment-program.ts`: there is no other file, so the program starts itself. It never
 * starts one that stands beside it: whoever made the folder of evidence may have put it there.
 */
export function segmentProgram(): SegmentProgram {
  return { file: process.argv[1] ?? '', args: [CHECKS_SEGMENTS] };
}
