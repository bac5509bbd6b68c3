import { selectEngine } from '../../engine/selected-engine.ts';
import { FILE_DESCRIPTOR, type SegmentRequest, type SegmentResult } from './segment-messages.ts';
import { SegmentReader } from './segment-reader.ts';

/**
 * The process that checks parts of a file. It has chain keys, so it ends with its parent: when the pipe closes, and before
 * each request where the parent was killed while the one before was in hand.
 */

const selected = selectEngine();
const reader = new SegmentReader(FILE_DESCRIPTOR);
const parent = process.ppid;

process.once('disconnect', () => process.exit());

process.on('message', (message) => {
  void selected.then(() => answer(message as SegmentRequest)); // the pipe's only other end is ours
});

function answer(request: SegmentRequest): void {
  if (process.ppid !== parent) process.exit();
  const result: SegmentResult = { id: request.id, runs: reader.check(request) };
  process.send?.(result, (error) => {
    if (error !== null) process.exit(); // nobody reads it any more
  });
}
