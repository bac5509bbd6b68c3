import type { CarriedLine, Carrier } from './carrier.ts';
import { membersOfLine, stringMember } from './object-members.ts';
import { wholeLine } from './whole-line.ts';

/**
 * What `logcli query --forward -o jsonl` prints of Grafana Loki:
 *
 *     {"labels":{…},"line":"TEXT","timestamp":"2026-11-24T23:00:00.123456789Z"}
 */
export const loki: Carrier = { name: 'loki', read };

function read(line: Buffer): CarriedLine {
  const members = membersOfLine(line);
  return stringMember(members, 'timestamp') === undefined ? 'foreign' : wholeLine(stringMember(members, 'line'));
}
