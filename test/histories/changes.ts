import { basename } from 'node:path';
import type { Finding, FindingCode, QuotedLine, StreamReport, VerifyReport } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History, type NamedBytes } from './history.ts';
import { isEntryLine, type PlacedLine, placedLines, type Truth, truthOf } from './truth.ts';
import type { World } from './world.ts';

/** One thing was changed in a whole log, and it is known which: what is said of it, where, and what is said of all the rest? */

/** A finding that must be there, as the generator knows its place. */
interface Named {
  readonly code: FindingCode;
  readonly seq?: number;
  readonly lastSeq?: number;
  /** The line at which it is seen. */
  readonly at?: PlacedLine;
}

export interface Changed extends History {
  /** The findings above a warning, and nothing else. */
  readonly named: readonly Named[];
  readonly follow: readonly FindingCode[];
  readonly truth: Truth;
  readonly same: boolean;
  readonly lines: readonly PlacedLine[];
  /** What is proven at least, and at most. */
  readonly proven: readonly [least: number, most: number];
}

interface Change {
  readonly what: string;
  readonly lines: readonly PlacedLine[];
  readonly named: readonly Named[];
  readonly proven?: readonly [least: number, most: number];
  /** What may follow from it. */
  readonly follow?: readonly FindingCode[];
  /** Everything else is said as of the whole log. */
  readonly same?: boolean;
}

type MakeChange = (random: Random, lines: readonly PlacedLine[], truth: Truth, world: World) => Change | undefined;

const seqOf = ({ member }: PlacedLine): number => member?.seq ?? 0;
const isRecord = (line: PlacedLine): boolean => isEntryLine(line) && line.member?.kind === undefined;

/** Places of records that have entries of the same file before and behind them. */
function inner(lines: readonly PlacedLine[], count = 1): number[] {
  return [...lines.keys()].filter((at) => {
    const block = lines.slice(at - 1, at + count + 1);
    return (
      at > 0 &&
      block.length === count + 2 &&
      block.every((line) => isEntryLine(line) && line.file === block[0]?.file) &&
      block.slice(1, -1).every(isRecord)
    );
  });
}

function sizeOfNote({ member }: PlacedLine): number {
  return Number(member?.note?.split('\n')[1]);
}

/** What the checkpoints before a line prove. */
function before({ sizes }: Truth, lines: readonly PlacedLine[], at: number): number {
  const notes = lines.slice(0, at).map(sizeOfNote);
  return Math.max(0, ...sizes.filter((size) => notes.includes(size)));
}

const altered: MakeChange = (random, lines, truth, { mode }) => {
  const places = [...lines.keys()].filter(
    (at) => isRecord(lines[at] as PlacedLine) && (lines[at] as PlacedLine).bytes.includes('"msg":"'),
  );
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const line = lines[at] as PlacedLine;
  const bytes = Buffer.from(line.bytes);
  bytes[bytes.indexOf('"msg":"') + 7] = 0x7e;
  const code = mode === 'hash' ? 'CHECKSUM_WRONG' : 'AUTH_WRONG';
  const end = truth.facts.provenSize;
  const changed = { ...line, bytes };
  return {
    what: 'altered',
    lines: lines.with(at, changed),
    named: [{ code, seq: seqOf(line), at: changed }],
    same: true,
    proven: mode !== 'hash' ? [before(truth, lines, at), end] : [end, end],
  };
};

const removed: MakeChange = (random, lines, truth) => {
  const count = random.pick([1, 1, 2, 3]);
  const places = inner(lines, count);
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const seq = seqOf(lines[at] as PlacedLine);
  return {
    what: `removed ${count}`,
    lines: lines.toSpliced(at, count),
    named: [{ code: 'ENTRIES_MISSING', seq, lastSeq: seq + count - 1, at: lines[at + count] as PlacedLine }],
    proven: [before(truth, lines, at), truth.facts.provenSize],
  };
};

const added: MakeChange = (random, lines, truth) => {
  const places = inner(lines, 0).filter((at) => (lines[at] as PlacedLine).member?.kind !== 'open');
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const next = lines[at] as PlacedLine;
  const long = random.pick(['x', 'é', '€', '😀', 'aé€😀']).repeat(250 + random.int(20)) + 'y'.repeat(random.int(800));
  const texts = ['{"n":1,"msg":"payment of 7 accepted"}', 'text', '{"integrity":{"seq":3}}', long, long];
  const bytes = Buffer.from(random.pick(texts));
  const line: PlacedLine = { ...next, bytes, member: undefined };
  return {
    what: 'added',
    lines: lines.toSpliced(at, 0, line),
    named: [{ code: 'FOREIGN_LINE', seq: seqOf(next), at: line }],
    same: true,
    proven: [truth.facts.provenSize, truth.facts.provenSize],
  };
};

const swapped: MakeChange = (random, lines, truth) => {
  const places = inner(lines, 2);
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const [first, second] = [lines[at] as PlacedLine, lines[at + 1] as PlacedLine];
  return {
    what: 'swapped',
    lines: lines.toSpliced(at, 2, second, first),
    named: [{ code: 'OUT_OF_ORDER', seq: seqOf(first), lastSeq: seqOf(second), at: second }],
    proven: [before(truth, lines, at), truth.facts.provenSize],
  };
};

const repeated: MakeChange = (random, lines, truth) => {
  const count = random.pick([1, 1, 2, 3]);
  const places = inner(lines, count);
  if (places.length === 0) return undefined;
  const at = random.pick(places);
  const block = lines.slice(at, at + count).map((line) => ({ ...line }));
  return {
    what: `repeated ${count}`,
    lines: lines.toSpliced(at + count, 0, ...block),
    named: [
      {
        code: 'DUPLICATE_ENTRY',
        seq: seqOf(lines[at] as PlacedLine),
        lastSeq: seqOf(lines[at] as PlacedLine) + count - 1,
        at: block[0] as PlacedLine,
      },
    ],
    same: true,
    proven: [truth.facts.provenSize, truth.facts.provenSize],
  };
};

const rooted: MakeChange = (random, lines, truth) => {
  const places = [...lines.keys()].filter((at) => lines[at]?.member?.kind === 'checkpoint');
  const at = random.pick(places);
  const line = lines[at] as PlacedLine;
  const text = line.bytes.toString('utf8');
  const root = line.member?.note?.split('\n')[2] as string;
  const bytes = Buffer.from(text.replace(root, `${root[0] === 'A' ? 'B' : 'A'}${root.slice(1)}`));
  const changed = { ...line, bytes };
  return {
    what: 'another root',
    lines: lines.with(at, changed),
    named: [{ code: 'ROOT_MISMATCH', at: changed }],
    same: true,
    proven: [0, truth.facts.provenSize],
  };
};

/** A signature, or our MAC, is another one. */
const signed: MakeChange = (random, lines, truth) => {
  const places = [...lines.keys()].filter((at) => lines[at]?.member?.kind === 'checkpoint');
  const at = random.pick(places);
  const line = lines[at] as PlacedLine;
  const text = line.bytes.toString('utf8');
  const from = text.lastIndexOf('\\n') - 6;
  const bytes = Buffer.from(`${text.slice(0, from)}${text[from] === 'A' ? 'B' : 'A'}${text.slice(from + 1)}`);
  const changed = { ...line, bytes };
  return {
    what: 'another signature',
    lines: lines.with(at, changed),
    named: [{ code: 'SIGNATURE_WRONG', at: changed }],
    follow: ['UNSIGNED', 'UNVOUCHED', 'END_UNPROVEN', 'ADOPTED'],
    same: true,
    proven: [0, truth.facts.provenSize],
  };
};

const ended: MakeChange = (random, lines, truth) => {
  const entries = [...lines.keys()].filter((at) => isEntryLine(lines[at] as PlacedLine) && at > 1);
  const at = random.pick(entries);
  const line = lines[at] as PlacedLine;
  if (line.member?.kind === 'open' || lines[at - 1]?.file !== line.file || lines[at - 1]?.member === undefined)
    return undefined;
  const kept = lines.slice(0, at);
  const most = before(truth, lines, at);
  return {
    what: 'ended',
    lines: kept,
    named: [{ code: 'END_UNPROVEN', seq: seqOf(line) - 1 }],
    follow: ['UNVOUCHED', 'UNSIGNED'],
    proven: [most, most],
  };
};

const begun: MakeChange = (random, lines, truth) => {
  const opens = [...lines.keys()].filter(
    (at) => lines[at]?.member?.kind === 'open' && at > 0 && lines[at - 1]?.file !== lines[at]?.file,
  );
  if (opens.length === 0) return undefined;
  const at = random.pick(opens);
  return {
    what: 'begun later',
    lines: lines.slice(at),
    named: [{ code: 'START_UNPROVEN' }],
    follow: ['UNVOUCHED', 'UNSIGNED'],
    proven: [0, truth.facts.provenSize],
  };
};

const CHANGES: readonly MakeChange[] = [altered, removed, added, swapped, repeated, rooted, signed, ended, begun];

function filesOf(names: readonly string[], lines: readonly PlacedLine[]): NamedBytes[] {
  return names.flatMap((name) => {
    const own = lines.filter(({ file }) => file === name);
    const bytes = Buffer.concat(own.flatMap((line) => [line.bytes, Buffer.from('\n')]));
    return own.length === 0 ? [] : [{ name, bytes }];
  });
}

/** Undefined where the world has nothing that could be changed so, or is told more of by itself. */
export function makeChange(random: Random, world: World): Changed | undefined {
  const { has } = world;
  if (
    world.open ||
    (world.told?.size ?? 0) > 0 ||
    has.has('ABANDONED') ||
    has.has('TORN_TAIL') ||
    has.has('ADOPTED') ||
    world.origins.length > 1
  )
    return undefined;
  const [origin = ''] = world.origins;
  const own = world.files.filter((file) => file.origin === origin);
  const truth = truthOf(world, origin, own);
  const change = random.pick(CHANGES)(random, placedLines(own), truth, world);
  if (change === undefined) return undefined;
  const { what, lines, named, proven = [0, truth.facts.provenSize], follow = [], same = false } = change;
  const files = filesOf(
    own.map(({ name }) => name),
    lines,
  );
  const placed = placedLines(files);
  const where = named.map((one) =>
    one.at === undefined ? one : { ...one, at: placed[lines.indexOf(one.at)] as PlacedLine },
  );
  return {
    ...asSealed(world, world.dataKeys),
    what: [what],
    files,
    named: where,
    follow,
    truth,
    same,
    lines: placed,
    proven,
  };
}

/** The times of the seals around a line. */
function timesAround(
  lines: readonly PlacedLine[],
  sizes: readonly number[],
  code: FindingCode,
  line: PlacedLine,
): { before: string | undefined; behind: string | undefined } {
  const isOfTree = code === 'ROOT_MISMATCH'; // the change is between the checkpoint before and its seal
  const place = lines.indexOf(isOfTree ? sealOf(lines, line) : line);
  // a checkpoint may stand behind those of later seals
  const noted = new Set(lines.slice(0, lines.indexOf(line)).map(sizeOfNote));
  const proven = sizes.filter((size) => noted.has(size));
  const before = lines
    .slice(0, place)
    .findLast(({ member }) =>
      isOfTree ? proven.includes(member?.seq ?? 0) : ['open', 'seal', 'close'].includes(member?.kind ?? ''),
    );
  const behind = lines.slice(place).find(({ member }) => ['seal', 'close'].includes(member?.kind ?? ''));
  return { before: before?.member?.time, behind: behind?.member?.time };
}

/** A line of up to 1,024 bytes is quoted; of a longer one at most 768 from its beginning and 256 from its end, whole characters. */
function isQuote({ head, tail, bytes }: QuotedLine, line: Buffer): boolean {
  const text = line.toString('utf8');
  if (bytes !== line.length) return false;
  if (line.length <= 1024) return head === text && tail === undefined;
  const [first, last] = [Buffer.byteLength(head), Buffer.byteLength(tail ?? '')];
  const fits = first <= 768 && first > 764 && last <= 256 && last > 252;
  return fits && text.startsWith(head) && text.endsWith(tail ?? '');
}

/** The entry that a checkpoint line is of. */
function sealOf(lines: readonly PlacedLine[], at: PlacedLine): PlacedLine {
  const size = sizeOfNote(at);
  return lines.find(({ member }) => member?.seq === size) as PlacedLine;
}

function misplaced(
  { code, seq, lastSeq, at }: Named,
  found: readonly Finding[],
  lines: readonly PlacedLine[],
  sizes: readonly number[],
): string[] {
  const own = found.filter((one) => one.code === code);
  const [one] = own;
  if (one === undefined) return [`no ${code}`];
  const says = own.length > 1 ? [`${own.length} times ${code}`] : [];
  if (seq !== undefined && one.seq !== seq) says.push(`${code} seq ${one.seq}, is ${seq}`);
  if (lastSeq !== undefined && (one.lastSeq ?? one.seq) !== lastSeq)
    says.push(`${code} lastSeq ${one.lastSeq}, is ${lastSeq}`);
  if (at !== undefined) {
    const place = `${basename(one.file ?? '')}:${one.line} ${one.offset}`;
    if (place !== `${at.file}:${at.line} ${at.offset}`)
      says.push(`${code} ${place}, is ${at.file}:${at.line} ${at.offset}`);
    if (one.quoted !== undefined && !isQuote(one.quoted, at.bytes)) says.push(`${code} quotes another line`);
    const { before: previous, behind } = timesAround(lines, sizes, code, at);
    // what is missing may come late: when it is told, that seal has passed
    const next = code === 'ENTRIES_MISSING' ? (one.nextSealTime ?? behind) : one.nextSealTime;
    // an open that fits narrows it, too
    const before =
      code === 'ROOT_MISMATCH' && (one.previousSealTime ?? '') > (previous ?? '') ? previous : one.previousSealTime;
    if (before !== previous || next !== behind)
      says.push(`${code} between ${one.previousSealTime} and ${one.nextSealTime}, is ${previous} and ${behind}`);
  }
  return says;
}

/** What is said otherwise than it is. */
export function changeViolations(
  { named, proven, lines, follow, truth, same }: Changed,
  report: VerifyReport,
): string[] {
  const [stream] = report.streams as [StreamReport];
  const above = stream.findings.filter(({ severity }) => severity !== 'warning');
  const says = named.flatMap((one) => misplaced(one, above, lines, truth.sizes));
  const codes = new Set([...follow, ...named.map(({ code }) => code)]);
  const others = above.filter(({ code }) => !codes.has(code)).map(({ code }) => code);
  if (others.length > 0) says.push(`also says ${others}`);
  const worst = above.find(({ severity }) => severity === report.verdict)?.code;
  if (worst !== 'UNSIGNED' && worst !== 'UNVOUCHED' && !named.some(({ code }) => code === worst))
    says.push(`first: ${worst}`);
  const [least, most] = proven;
  if (stream.provenSize < least || stream.provenSize > most)
    says.push(`proven ${stream.provenSize}, is ${least} to ${most}`);
  if (same) says.push(...otherwise(truth, stream));
  return says;
}

const WARNED: ReadonlySet<FindingCode> = new Set(['RESTART', 'DROPPED', 'CLOCK_BACK']);

/** What the change has nothing to do with. */
function otherwise({ facts, told }: Truth, stream: StreamReport): string[] {
  const names = [
    'firstSeq',
    'lastSeq',
    'records',
    'endTime',
    'end',
    'runs',
    'droppedLines',
    'abandonedEntries',
    'adoptedEntries',
  ] as const;
  const says = names
    .filter((name) => facts[name] !== stream[name])
    .map((name) => `${name} ${stream[name]}, is ${facts[name]}`);
  const warned = stream.findings.filter(({ code }) => WARNED.has(code)).map(({ code, seq }) => `${code} ${seq}`);
  const is = told.map((one) => one.replace(/ [^ ]+ /, ' '));
  if (warned.sort().join() !== is.sort().join()) says.push(`warns ${warned}, is ${is}`);
  return says;
}
