import { programBeside } from '../../foundation/program-beside.ts';

/** How a process that checks parts of a file is started. */
export interface SegmentProgram {
  readonly file: URL | string;
  readonly args: readonly string[];
}

/** The program of this package for that; undefined in a bundle, which has left it behind. */
export function segmentProgram(): SegmentProgram | undefined {
  const file = programBeside(import.meta.url, 'segment-process');
  return file && { file, args: [] };
}
