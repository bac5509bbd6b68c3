import type { CarriedLine, Carrier } from './carrier.ts';

/**
 * The log of containerd and CRI-O, as Kubernetes has it. P is a piece of a line, F its end; more tags may follow a colon:
 *
 *     2026-11-24T23:00:00.123456789Z stdout P TEXT
 */
export const cri: Carrier = { name: 'cri', read };

const HEAD =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([PF])(?::[!-~]{0,64})? /;
const CR = 0x0d;
/** Longer than what {@link HEAD} can match. */
const HEAD_LENGTH = 128;

function read(line: Buffer): CarriedLine {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_LENGTH));
  if (head === null) return 'foreign';
  const [{ length }, stream, tag] = head;
  if (stream === 'stderr') return 'beside';
  const ends = tag === 'F';
  // the CR of a file whose line endings were converted: a piece holds none of its own, because JSON escapes it
  const end = !ends && line[line.length - 1] === CR ? line.length - 1 : line.length;
  return { bytes: line.subarray(length, Math.max(length, end)), ends };
}
