import { createHash } from 'node:crypto';
import type { FindingCode, KeyReport, StreamReport, TimelineEvent } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import type { NamedBytes } from './history.ts';
import type { World } from './world.ts';

/**
 * What is true of a stream that its writer left whole, read out of its lines as JSON and by nothing of ours: what a report says
 * of it is compared with this.
 */

interface KeyReference {
  readonly records: 'mac' | 'hash';
  readonly source?: string;
  readonly identity?: string;
  readonly fp?: string;
  readonly signers?: readonly { source: string; identity: string; algorithm: string; spki?: string }[];
}

/** Of our member, those parts that are read here. */
export interface Member {
  readonly seq?: number;
  readonly kind?: 'open' | 'seal' | 'key' | 'gap' | 'close' | 'checkpoint';
  readonly note?: string;
  readonly origin?: string;
  readonly time?: string;
  readonly since?: string;
  readonly why?: string;
  readonly size?: number;
  readonly next?: string;
  readonly key?: KeyReference;
  readonly epoch_seq?: number;
  readonly dropped?: number;
  readonly key_id?: string;
  readonly adopted_from?: number;
  /** The stream that goes on, with why continued. */
  readonly then?: string;
  readonly after?: { readonly origin: string; readonly size: number };
  readonly as?: 'text' | 'base64';
  readonly part?: number;
  readonly last?: boolean;
}

/** A line of a file, with its place. */
export interface PlacedLine {
  readonly file: string;
  readonly line: number;
  readonly offset: number;
  readonly bytes: Buffer;
  /** Undefined where the line is none of ours. */
  readonly member: Member | undefined;
}

function memberOf(line: Buffer): Member | undefined {
  const text = line.toString('utf8');
  if (!text.endsWith('}}')) return undefined;
  try {
    return (JSON.parse(text) as { integrity?: Member }).integrity;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The lines of files, in their order. */
export function placedLines(files: readonly NamedBytes[]): PlacedLine[] {
  return files.flatMap(({ name, bytes }) => {
    let offset = 0;
    return linesOf(bytes).map((line, at): PlacedLine => {
      const placed = { file: name, line: at + 1, offset, bytes: line, member: memberOf(line) };
      offset += line.length + 1;
      return placed;
    });
  });
}

export const isEntryLine = ({ member }: PlacedLine): boolean => member?.seq !== undefined;

/** A key period as its log tells of it. */
interface Period {
  readonly keyId: string;
  readonly reference: KeyReference;
  readonly firstSeq: number;
  readonly introducedAt: number;
  readonly startTime: string | undefined;
  lastSeq: number;
  endTime: string | undefined;
}

/** What is so of one stream. */
export interface Truth {
  readonly facts: Omit<StreamReport, 'keys' | 'verdict' | 'findings' | 'more' | 'firstCheckpoint' | 'checkpoint'>;
  readonly keys: readonly Partial<KeyReport>[];
  /** The first three lines of the first and of the newest checkpoint. */
  readonly notes: readonly [first: string, newest: string];
  /** Sizes of the checkpoints that prove something to an auditor with every key. */
  readonly sizes: readonly number[];
  /** The place of each entry, what a crash abandoned left out. */
  readonly entries: ReadonlyMap<number, PlacedLine>;
  /** Runs after the first one that no crash abandoned. */
  readonly restarts: number;
  /** What an auditor with every key is told, each as `CODE FILE:LINE SEQ`; where that is a range, of its first entry. */
  readonly told: readonly string[];
  /** Seals and closes. */
  readonly seals: readonly { readonly seq: number; readonly time: string }[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of a world of which a checkpoint covers the end. `files` hold this stream alone, in its order. */
export function truthOf(world: World, origin: string, files: readonly NamedBytes[]): Truth {
  const lines = placedLines(files);
  const idOf = signerIds(world, origin);
  const idsOf = (period: Period | undefined): string[] =>
    (period?.reference.signers ?? []).map(({ spki = '' }) => idOf.get(spki) ?? '');
  const signs = world.signers.length > 0;
  const entries = new Map<number, PlacedLine>();
  const periods: Period[] = [];
  const told: string[] = [];
  const tell = (code: FindingCode, { file, line }: PlacedLine, seq: number | string): void => {
    told.push(`${code} ${file}:${line} ${seq}`);
  };
  let seals: { seq: number; time: string; keyId: string }[] = [];
  let events: (TimelineEvent & { seq: number })[] = [];
  let notes: { size: number; note: string; ids: readonly string[]; proves: boolean }[] = [];
  let announced: Member | undefined;
  let abandoned = 0;
  let [records, runs, dropped, adopted, last] = [0, 0, 0, 0, 0];
  let endTime: string | undefined;
  let end: Member | undefined;
  let after: Member['after'];
  const counts = { open: 0, hand_over: 0, gap: 0, close: 0, checkpoint: 0 };
  const goBack = (size: number): void => {
    abandoned += last - size;
    for (let seq = size + 1; seq <= last; seq++) entries.delete(seq);
    while ((periods.at(-1)?.introducedAt ?? 0) > size) periods.pop();
    const before = seals;
    seals = seals.filter(({ seq }) => seq <= size);
    events = events.filter(({ seq }) => seq <= size);
    notes = notes.filter((one) => one.size <= size);
    const period = periods.at(-1);
    if (period !== undefined) {
      const lost = before.some(({ seq, keyId }) => keyId === period.keyId && seq > size);
      period.lastSeq = Math.min(period.lastSeq, size);
      if (lost) period.endTime = seals.filter(({ keyId }) => keyId === period.keyId).at(-1)?.time ?? period.startTime;
    }
    announced = undefined;
  };
  const begin = (
    keyId: string,
    reference: KeyReference,
    firstSeq: number,
    introducedAt: number,
    time?: string,
  ): void => {
    periods.push({ keyId, reference, firstSeq, introducedAt, startTime: time, lastSeq: 0, endTime: undefined });
  };
  for (const line of lines) {
    const { member } = line;
    if (member?.kind === 'checkpoint') {
      const note = member.note ?? '';
      const size = Number(note.split('\n')[1]);
      const ids = signatureIds(note);
      const sealed = periods.filter(({ introducedAt }) => introducedAt <= size).at(-1);
      const signers = idsOf(sealed);
      const checkedBy = new Set<'mac' | 'signature'>();
      if (sealed?.reference.records === 'mac' && ids.some((id) => ![...idOf.values()].includes(id)))
        checkedBy.add('mac');
      if (ids.some((id) => signers.includes(id))) checkedBy.add('signature');
      notes.push({ size, note, ids, proves: checkedBy.has(signs ? 'signature' : 'mac') });
      const before = events.filter(({ kind }) => kind === 'checkpoint').at(-1);
      if (before?.seq === size) {
        events[events.indexOf(before)] = {
          ...before,
          checkedBy: [...new Set([...(before.checkedBy ?? []), ...checkedBy])],
        };
        continue;
      }
      const time = seals.find(({ seq }) => seq === size)?.time;
      counts.checkpoint++;
      events.push({ kind: 'checkpoint', seq: size, ...(time !== undefined && { time }), checkedBy: [...checkedBy] });
      continue;
    }
    if (member === undefined && line.bytes.length > 0) tell('TORN_TAIL', line, '');
    if (member?.seq === undefined) continue;
    const { seq, kind, time = '', key_id: keyId = '', why = '' } = member;
    if (kind === 'open' && seq <= last) {
      tell(world.mode === 'hash' ? 'ABANDONED_UNPROVEN' : 'ABANDONED', line, `${seq}-${last}`);
      goBack(seq - 1);
    }
    entries.set(seq, line);
    last = seq;
    end = member;
    if (time !== '' && time < (endTime ?? '')) tell('CLOCK_BACK', line, seq);
    if (time !== '') endTime = time;
    if (kind === undefined) records++;
    if (kind === 'open') {
      counts.open++;
      if (seq === 1) after = member.after;
      if (why !== 'rotated') {
        runs++;
        if (seq > 1) tell('RESTART', line, seq);
        announced = undefined;
        begin(keyId, member.key as KeyReference, seq, seq, time);
        (periods.at(-1) as Period).endTime = time;
        if (member.adopted_from !== undefined) adopted += seq - member.adopted_from;
      } else (periods.at(-1) as Period).endTime = time;
      events.push({ kind, seq, time, why, keyId, file: line.file });
    }
    const period = periods.at(-1) as Period;
    period.lastSeq = seq;
    if (kind === 'gap') {
      counts.gap++;
      dropped += member.dropped ?? 0;
      if ((member.dropped ?? 0) > 0) tell('DROPPED', line, seq);
      events.push({ kind, seq, time: member.since as string, why, dropped: member.dropped as number });
    }
    if (kind === 'key') announced = member;
    if (kind === 'close') {
      counts.close++;
      events.push({ kind, seq, time, why });
    }
    if (kind !== 'seal' && kind !== 'close') continue;
    period.endTime = time;
    seals.push({ seq, time, keyId });
    if (announced === undefined) continue;
    counts.hand_over++;
    begin(announced.next ?? '', announced.key as KeyReference, seq + 1, seq, time);
    events.push({ kind: 'hand_over', seq: seq + 1, time, keyId: announced.next as string });
    announced = undefined;
  }
  const sizes = notes.filter(({ proves }) => proves).map(({ size }) => size);
  const provenSize = Math.max(0, ...sizes);
  const provenTime = seals.filter(({ seq }) => seq <= provenSize).at(-1)?.time;
  const order = ['open', 'hand_over', 'gap', 'checkpoint', 'close'];
  events.sort((a, b) => a.seq - b.seq || order.indexOf(a.kind) - order.indexOf(b.kind));
  const textOf = (size: number): string =>
    (notes.find((one) => one.size === size && one.proves)?.note ?? '').split('\n').slice(0, 3).join('\n');
  const closes = end?.kind === 'close' ? end.why : undefined;
  return {
    facts: {
      origin,
      firstSeq: 1,
      lastSeq: last,
      records,
      endTime: endTime as string,
      end: closes === 'shutdown' ? 'closed' : closes === 'continued' ? 'continued' : 'open',
      ...(closes === 'continued' && { continuedBy: end?.then as string }),
      ...(after !== undefined && { after: { origin: after.origin, size: after.size } }),
      provenSize,
      ...(provenTime !== undefined && { provenTime }),
      runs,
      droppedLines: dropped,
      abandonedEntries: abandoned,
      adoptedEntries: world.mode === 'hash' ? adopted : 0,
      files: files.map(({ name }) => name),
      fileDetails: files.map(({ name, bytes }) => {
        const seqs = lines.filter(({ file, member }) => file === name && member?.seq !== undefined);
        const [first, final] = [seqs[0]?.member?.seq, seqs.at(-1)?.member?.seq];
        return {
          file: name,
          size: bytes.length,
          bytes: bytes.length,
          sha256: sha256(bytes),
          ...(first !== undefined && { firstSeq: first }),
          ...(final !== undefined && { lastSeq: final }),
        };
      }),
      timeline: { events, counts },
    },
    keys: periods.map((period) => {
      const { keyId, reference, firstSeq, lastSeq, startTime, endTime: until } = period;
      const ids = idsOf(period);
      const signed = notes.filter((note) => note.ids.some((id) => ids.includes(id))).map(({ size }) => size);
      return {
        keyId,
        records: reference.records,
        firstSeq,
        lastSeq,
        ...(startTime !== undefined && { startTime }),
        ...(until !== undefined && { endTime: until }),
        ...(reference.records === 'mac' && {
          dataKey: {
            source: reference.source as string,
            identity: reference.identity as string,
            fingerprint: reference.fp as string,
          },
        }),
        signers: (reference.signers ?? []).map(({ source, identity, algorithm }) => ({ source, identity, algorithm })),
        checkedBy: [
          ...(reference.records === 'mac' ? (['mac'] as const) : []),
          ...(Math.max(0, ...signed) >= firstSeq ? (['signature'] as const) : []),
        ],
      };
    }),
    notes: [textOf(Math.min(...sizes)), textOf(Math.max(...sizes))],
    sizes,
    entries,
    restarts: [...entries.values()].filter(({ member }) => /^(recovered|resumed)$/.test(member?.why ?? '')).length,
    told,
    seals,
  };
}

/** The ids of the signature lines of a note (C2SP signed-note), as hex. */
function signatureIds(note: string): string[] {
  const lines = note.split('\n').filter((line) => line.startsWith('— '));
  return lines.map((line) => Buffer.from(line.split(' ')[2] ?? '', 'base64').toString('hex', 0, 4));
}

/** Of each key that the world has signed with, by its SPKI as the log has it, the id of its signature lines. */
function signerIds(world: World, origin: string): ReadonlyMap<string, string> {
  return new Map(
    world.signers.map((key) => [key.signer.spki?.toString('base64url') ?? '', vkeyOf(origin, key).split('+')[1] ?? '']),
  );
}
