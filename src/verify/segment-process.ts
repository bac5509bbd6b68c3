import { FILE_DESCRIPTOR, type SegmentRequest, type SegmentResult } from './segment-messages.ts';
import { SegmentReader } from './segment-reader.ts';

/** The process that checks parts of a file. It ends when its parent closes the pipe. */

const reader = new SegmentReader(FILE_DESCRIPTOR);

process.on('message', (message) => {
  const request = message as SegmentRequest; // the pipe's only other end is ours
  process.send?.({ id: request.id, runs: reader.check(request) } satisfies SegmentResult);
});
