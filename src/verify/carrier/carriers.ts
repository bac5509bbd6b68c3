import { TamperError } from '../../errors.ts';
import { shown } from '../../foundation/key-like.ts';
import type { CarriedLine, Carrier, CarrierName } from './carrier.ts';
import { bytesMember, membersOfLine, objectMember, stringMember } from './object-members.ts';

/**
 * Docker's `json-file`. A line over 16 KiB is several objects, of which only the last one's text ends with LF:
 *
 *     {"log":"TEXT\n","stream":"stdout","time":"2026-11-24T23:00:00.123456789Z"}
 */
const docker: Carrier = {
  name: 'docker',
  read(line) {
    const members = membersOfLine(line);
    const log = stringMember(members, 'log');
    const stream = stringMember(members, 'stream');
    if (log === undefined || stringMember(members, 'time') === undefined) return 'foreign';
    if (stream === 'stderr') return 'beside';
    if (stream !== 'stdout') return 'foreign';
    const lf = log.indexOf('\n');
    if (lf < 0) return { bytes: Buffer.from(log, 'utf8'), ends: false };
    return lf === log.length - 1 ? { bytes: Buffer.from(log.slice(0, lf), 'utf8'), ends: true } : 'foreign';
  },
};

const CRI_HEAD =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([PF])(?::[!-~]{0,64})? /;
/** Longer than what {@link CRI_HEAD} can match. */
const CRI_HEAD_LENGTH = 128;
const [LF, CR] = [0x0a, 0x0d];

/**
 * The log of containerd and CRI-O, as Kubernetes has it. P is a piece of a line, F its end; more tags may follow a colon:
 *
 *     2026-11-24T23:00:00.123456789Z stdout P TEXT
 */
const cri: Carrier = {
  name: 'cri',
  read(line) {
    const head = CRI_HEAD.exec(line.toString('latin1', 0, CRI_HEAD_LENGTH));
    if (head === null) return 'foreign';
    const [{ length }, stream, tag] = head;
    if (stream === 'stderr') return 'beside';
    const ends = tag === 'F';
    // the CR of a file whose line endings were converted: a piece holds none of its own, because JSON escapes it
    const end = !ends && line[line.length - 1] === CR ? line.length - 1 : line.length;
    return { bytes: line.subarray(length, Math.max(length, end)), ends };
  },
};

/**
 * What `logcli query --forward -o jsonl` prints of Grafana Loki:
 *
 *     {"labels":{…},"line":"TEXT","timestamp":"2026-11-24T23:00:00.123456789Z"}
 */
const loki: Carrier = {
  name: 'loki',
  read(line) {
    const members = membersOfLine(line);
    return stringMember(members, 'timestamp') === undefined ? 'foreign' : wholeLine(stringMember(members, 'line'));
  },
};

const FIELD = 'field:';
/** Names that may lead to the member: each is a further look through the line, which may be long. */
const MOST_NAMES = 4;

/**
 * Any carrier that writes a JSON object a line in which a member is the log's line, a string or an array of bytes: `log` of
 * Fluent Bit, `MESSAGE` of `journalctl -o json --all`.
 *
 * @param path - the names that lead to the member, from the outermost object on; at least one
 */
function field(path: readonly string[]): Carrier {
  const outer = path.slice(0, -1);
  const own = path.at(-1) ?? '';
  return {
    name: `${FIELD}${path.join('.')}`,
    read(line) {
      let members = membersOfLine(line);
      for (const name of outer) members = objectMember(members, name);
      const bytes = bytesMember(members, own);
      return bytes === undefined ? wholeLine(stringMember(members, own)) : wholeLineOf(bytes);
    },
  };
}

/** The text of a carrier that joins pieces itself: one line of the log, to which it may have left the LF. */
function wholeLine(text: string | undefined): CarriedLine {
  if (text === undefined) return 'foreign';
  const line = text.endsWith('\n') ? text.slice(0, -1) : text;
  return line.includes('\n') ? 'foreign' : { bytes: Buffer.from(line, 'utf8'), ends: true };
}

/** As {@link wholeLine}, for a carrier that gives the line as bytes. */
function wholeLineOf(bytes: Buffer): CarriedLine {
  const line = bytes.at(-1) === LF ? bytes.subarray(0, -1) : bytes;
  return line.includes(LF) ? 'foreign' : { bytes: line, ends: true };
}

/**
 * The carrier of a name, if one is given. In `field:NAME` a dot leads into a member that is an object, up to three times.
 *
 * @throws {@link TamperError} `USAGE` where there is none of that name
 */
export function carrierOf(name: CarrierName | undefined): Carrier | undefined {
  if (name === undefined) return undefined;
  const carrier = carrierNamed(name);
  if (carrier === undefined) throw new TamperError('USAGE', `there is no carrier ${JSON.stringify(shown(name))}`);
  return carrier;
}

function carrierNamed(name: string): Carrier | undefined {
  const known = [docker, cri, loki].find((one) => one.name === name);
  if (known !== undefined || !name.startsWith(FIELD)) return known;
  const path = name.slice(FIELD.length).split('.');
  return path.includes('') || path.length > MOST_NAMES ? undefined : field(path);
}

/** Whether there is a carrier of this name. */
export function isCarrierName(name: unknown): name is CarrierName {
  return typeof name === 'string' && carrierNamed(name) !== undefined;
}
