import type { CarriedLine, Carrier } from './carrier.ts';
import { membersOfLine, stringMember } from './object-members.ts';

/**
 * Docker's `json-file`. A line over 16 KiB is several objects, of which only the last one's text ends with LF:
 *
 *     {"log":"TEXT\n","stream":"stdout","time":"2026-11-24T23:00:00.123456789Z"}
 */
export const docker: Carrier = { name: 'docker', read };

function read(line: Buffer): CarriedLine {
  const members = membersOfLine(line);
  const log = stringMember(members, 'log');
  const stream = stringMember(members, 'stream');
  if (log === undefined || stringMember(members, 'time') === undefined) return 'foreign';
  if (stream === 'stderr') return 'beside';
  if (stream !== 'stdout') return 'foreign';
  const lf = log.indexOf('\n');
  if (lf < 0) return { bytes: Buffer.from(log, 'utf8'), ends: false };
  return lf === log.length - 1 ? { bytes: Buffer.from(log.slice(0, lf), 'utf8'), ends: true } : 'foreign';
}
