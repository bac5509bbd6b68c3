import type { CarriedLine, Carrier } from './carrier.ts';

/**
 * The log of containerd and CRI-O, as Kubernetes has it. P is a piece of a line, F its end; more tags may follow a colon:
 *
 *     2026-11-24T23:00:00.123456789Z stdout P TEXT
 */
export const cri: Carrier = { name: 'cri', read };

const HEAD =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([PF])(?::[!-~]{0,64})? /;
/** Longer than what {@link HEAD} can match. */
const HEAD_LENGTH = 128;

function read(line: Buffer): CarriedLine {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_LENGTH));
  if (head === null) return 'foreign';
  const [{ length }, stream, tag] = head;
  return stream === 'stderr' ? 'beside' : { bytes: line.subarray(length), ends: tag === 'F' };
}
