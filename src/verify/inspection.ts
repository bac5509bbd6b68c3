import type { Readable } from 'node:stream';
import { parseSignedCheckpoint } from '../format/checkpoint.ts';
import { type ControlEntry, readControl } from '../format/control.ts';
import { signersOf } from '../format/key-reference.ts';
import { filesInOrder, type WalkedLine, walk } from './walk.ts';

/** What sealed files say of themselves. Nothing is verified and nothing is trusted. */

/** One thing worth showing, in the order of the file. */
export interface InspectedEvent {
  readonly file: string;
  readonly line: number;
  readonly seq?: number;
  readonly kind: string;
  readonly time?: string;
  /** One line of text; what stands in it comes from the file. */
  readonly detail: string;
}

/** What the files say. */
export interface Inspection {
  readonly files: readonly string[];
  readonly records: number;
  readonly entries: number;
  readonly checkpoints: number;
  readonly foreignLines: number;
  /** Size of the newest checkpoint; absent without one. */
  readonly newestCheckpoint?: number;
  readonly events: readonly InspectedEvent[];
  readonly problems: readonly string[];
}

function keyText(entry: ControlEntry & { kind: 'open' | 'key' }): string {
  const { key } = entry;
  const dataKey = key.records === 'mac' ? [`data key ${key.source} ${key.identity}`] : [];
  const signers = signersOf(key).map(
    ({ source, identity, algorithm }) => `signer ${source} ${identity} (${algorithm})`,
  );
  return [`records ${key.records}`, ...dataKey, ...signers].join(', ');
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

/** Looks through sealed files. */
export async function inspect(paths: readonly string[], input: Readable): Promise<Inspection> {
  const files = await filesInOrder(paths, input);
  const events: InspectedEvent[] = [];
  const problems: string[] = [];
  let [records, entries, checkpoints, foreignLines, newest] = [0, 0, 0, 0, 0];
  const visit = ({ read, bytes, file, line }: WalkedLine): undefined => {
    if (read.type === 'record') records++;
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
      events.push({ ...place, detail: reading.problem.message });
      return undefined;
    }
    const detail = detailOf(reading.entry, kid);
    if (detail === undefined) return undefined;
    const time = 'time' in reading.entry ? { time: reading.entry.time } : {};
    events.push({ ...place, ...time, detail });
    return undefined;
  };
  await walk(files, visit, (file, message) => problems.push(`${file}: ${message}`));
  return {
    files: files.map(({ name }) => name),
    records,
    entries,
    checkpoints,
    foreignLines,
    ...(newest > 0 && { newestCheckpoint: newest }),
    events,
    problems,
  };
}
