import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type ControlEntry, readControl } from '../../format/control.ts';
import { signersOf } from '../../format/key-reference.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import { filesInOrder, type Places, type WalkedLine, walk } from './walk.ts';

/** What sealed files say about themselves. Nothing is verified and nothing is trusted. */

/** One thing worth showing, in the order of the file. */
export interface InspectedEvent {
  readonly file: string;
  readonly line: number;
  readonly seq?: number;
  readonly kind: string;
  readonly time?: string;
  /** One line of text; its content comes from the file. */
  readonly detail: string;
}

/** So many events are kept from the start, and as many from the end. */
const KEPT_EVENTS = 5000;
/** A detail is as long as its maker likes; so much of it is shown, in characters. */
const SHOWN_DETAIL = 1000;
const KEPT_PROBLEMS = 1000;

/** Events of a log of any length: the first and the last of them. */
class Events {
  readonly #first: InspectedEvent[] = [];
  readonly #last: InspectedEvent[] = [];
  #count = 0;

  add(event: InspectedEvent): void {
    const kept = { ...event, detail: shortened(event.detail) };
    if (this.#first.length < KEPT_EVENTS) this.#first.push(kept);
    else this.#last[(this.#count - KEPT_EVENTS) % KEPT_EVENTS] = kept;
    this.#count++;
  }

  get list(): InspectedEvent[] {
    const oldest = Math.max(this.#count - KEPT_EVENTS, 0) % KEPT_EVENTS;
    const last =
      this.#last.length < KEPT_EVENTS ? this.#last : [...this.#last.slice(oldest), ...this.#last.slice(0, oldest)];
    return [...this.#first, ...last];
  }

  get more(): number {
    return this.#count - this.#first.length - this.#last.length;
  }
}

/** A copy, so that the line it comes from is not held. */
function shortened(text: string): string {
  const cut = text.length > SHOWN_DETAIL ? `${text.slice(0, SHOWN_DETAIL)}…` : text;
  return Buffer.from(cut, 'utf8').toString('utf8');
}

/** What the files say. */
export interface Inspection {
  readonly files: readonly string[];
  readonly records: number;
  /** How many of the records are erased; absent if none is. */
  readonly erased?: number;
  readonly entries: number;
  readonly checkpoints: number;
  readonly foreignLines: number;
  /** Size of the newest checkpoint; absent without one. */
  readonly newestCheckpoint?: number;
  /** The first 5,000 and the last 5,000. */
  readonly events: readonly InspectedEvent[];
  /** How many events between those were only counted. */
  readonly moreEvents: number;
  /** What kept the reading from a file's end, and what was left out; at most 1,000. */
  readonly problems: readonly string[];
  /** Files that are missing or cannot be opened; absent if there are none. */
  readonly unopened?: readonly string[];
}

function keyText(entry: ControlEntry & { kind: 'open' | 'key' }): string {
  const { key } = entry;
  const dataKey = key.records === 'mac' ? [`data key ${key.source} ${key.identity}`] : [];
  const signers = signersOf(key).map(
    ({ source, identity, algorithm }) => `signer ${source} ${identity} (${algorithm})`,
  );
  return [`records ${key.records}`, ...(key.salted ? ['salted'] : []), ...dataKey, ...signers].join(', ');
}

/** Seals are too many to show; everything else is worth a line. */
function detailOf(entry: ControlEntry, kid: string): string | undefined {
  switch (entry.kind) {
    case 'open':
      return `${entry.why}, origin ${entry.origin}, key period ${kid}, ${keyText(entry)}${entry.adoptedFrom === undefined ? '' : `, adopted from ${entry.adoptedFrom}`}`;
    case 'key':
      return `hand-over to key period ${entry.next}, ${keyText(entry)}`;
    case 'gap':
      return `${entry.why} since ${entry.since}, ${entry.dropped} dropped`;
    case 'close':
      return `${entry.why}, ${entry.records} records`;
    case 'seal':
      return undefined;
  }
}

/** How files are looked through. */
export interface InspectOptions {
  /** What wrapped the lines on their way; absent where the files are as the writer wrote them. */
  readonly unwrap?: CarrierName | undefined;
}

/** Looks through sealed files. */
export async function inspect(places: Places, { unwrap }: InspectOptions = {}): Promise<Inspection> {
  const { files: all, unopened, ignored, doubts } = await filesInOrder(places, unwrap);
  const files = all.filter((source) => !unopened.has(source));
  const events = new Events();
  const problems = [...unopened].map(([{ name }, message]) => `${name}: ${message}`);
  problems.push(...doubts.map(({ file, message }) => `${file}: ${message}`));
  problems.push(...ignored.files.map(({ file, why }) => `${file}: left out (${why})`));
  if (ignored.more > 0) problems.push(`and ${ignored.more} more files were left out`);
  const onProblem = (file: string, message: string): void => {
    if (problems.length < KEPT_PROBLEMS) problems.push(`${file}: ${message}`);
  };
  let [records, erased, entries, checkpoints, foreignLines, newest] = [0, 0, 0, 0, 0, 0];
  const visit = ({ read, bytes, file, line }: WalkedLine): undefined => {
    if (read.type === 'record') records++;
    if (read.type === 'record' && read.commit !== undefined) erased++;
    if (read.type === 'foreign') foreignLines++;
    if (read.type === 'checkpoint') {
      checkpoints++;
      newest = Math.max(newest, read.note === undefined ? 0 : (parseSignedCheckpoint(read.note)?.size ?? 0));
    }
    if (read.type === 'record' || read.type === 'control') entries++;
    if (read.type !== 'control') return undefined;
    const kid = `${read.tag}.${read.epoch}`;
    const reading = readControl(bytes, read.seq, read.kind, kid, read.member);
    const place = { file, line, seq: read.seq, kind: read.kind };
    if ('problem' in reading) {
      events.add({ ...place, detail: reading.problem.message });
      return undefined;
    }
    const detail = detailOf(reading.entry, kid);
    if (detail === undefined) return undefined;
    const time = 'time' in reading.entry ? { time: reading.entry.time } : {};
    events.add({ ...place, ...time, detail });
    return undefined;
  };
  await walk(files, visit, onProblem);
  return {
    files: files.map(({ name }) => name),
    records,
    ...(erased > 0 && { erased }),
    entries,
    checkpoints,
    foreignLines,
    ...(newest > 0 && { newestCheckpoint: newest }),
    events: events.list,
    moreEvents: events.more,
    problems,
    ...(unopened.size > 0 && { unopened: [...unopened.keys()].map(({ name }) => name) }),
  };
}
