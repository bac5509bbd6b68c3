import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { CaseBrings } from './both-sides.ts';
import { type HonestLog, type LogFile, linesOf, plainOf } from './honest-log.ts';
import { classified } from './leaf.ts';
import type { Random } from './random.ts';
import { erasedLine, proofOf, randomSalt } from './salted.ts';

/** Logs with erased records, and auditors who bring what erasure logs record (spec/erasure.md). */

type Erasures = NonNullable<CaseBrings['erasures']>;
type Erasure = Erasures['recorded'][number];

/** TAG of an origin (spec 1). */
const tagOf = (origin: string): string => hash('sha256', origin, 'base64url').slice(0, 8);

/** A record that is erased or may be, or any other entry: where it stands and which commitment it has. */
interface Place {
  readonly origin: string;
  readonly seq: number;
  /** Of a record with a salt it is that of its erased line. */
  readonly commit: string | undefined;
  readonly isErased: boolean;
}

function placesOf(log: HonestLog, files: readonly LogFile[]): Place[] {
  const origins = new Map(log.origins.map((origin) => [tagOf(origin), origin]));
  return files.flatMap(({ bytes }) =>
    readable(bytes).flatMap((line) => {
      const read = classified(line);
      const origin = read.type === 'record' || read.type === 'control' ? origins.get(read.tag) : undefined;
      if (origin === undefined || !('seq' in read) || read.seq === undefined) return [];
      const proof = read.type === 'record' ? proofOf(line) : undefined;
      const erased = proof?.kind === undefined ? undefined : erasedLine(line);
      const commit = erased && proofOf(erased)?.value;
      return [{ origin, seq: read.seq, commit, isErased: proof?.kind === 'commit' }];
    }),
  );
}

/** The lines of a file; none of one whose compressed data was damaged. */
function readable(bytes: Buffer): Buffer[] {
  try {
    return linesOf(bytes);
  } catch {
    return [];
  }
}

function erasureOf({ origin, seq, commit = randomCommit }: Pick<Place, 'origin' | 'seq' | 'commit'>): Erasure {
  return {
    erased: { origin, seq, commit },
    reason: 'request 4711',
    who: 'dpo',
    time: '2026-11-24T23:00:00.000Z',
    file: { name: 'audit.jsonl', before: '0a'.repeat(32), after: 'f0'.repeat(32) },
    storage: 'in-place',
  };
}

const randomCommit = 'A'.repeat(43);

const another = (random: Random): string =>
  Buffer.concat([randomSalt(random), randomSalt(random)].map((salt) => Buffer.from(salt, 'base64url'))).toString(
    'base64url',
  );

/** What an auditor may bring to these files: right, or wrong in one way. */
export function erasuresFor(random: Random, log: HonestLog, files: readonly LogFile[]): Partial<CaseBrings> {
  if (random.chance(0.4)) return {};
  const places = placesOf(log, files);
  const gone = places.filter(({ isErased }) => isErased);
  const right = gone.map(erasureOf);
  const accept = random.chance(0.05) ? { accept: { erased: random.int(4) } } : {};
  return { erasures: { recorded: changed(random, right, places, log), whole: random.chance(0.75) }, ...accept };
}

function changed(random: Random, right: readonly Erasure[], places: readonly Place[], log: HonestLog): Erasure[] {
  if (places.length === 0) return [...right];
  const at = random.int(Math.max(1, right.length));
  const one = right[at];
  const standing = places.filter(({ isErased, commit }) => !isErased && commit !== undefined);
  const instead = (erased: Partial<Erasure['erased']>): Erasure[] =>
    one === undefined ? [] : right.with(at, { ...one, erased: { ...one.erased, ...erased } });
  switch (random.int(10)) {
    case 0:
      return right.toSpliced(at, 1);
    case 1:
      return instead({ origin: random.pick([...log.origins, 'audit.example.com/elsewhere']) });
    case 2:
      return instead({ commit: another(random) });
    case 3:
      return instead({ seq: Math.max(1, (one?.erased.seq ?? 1) + random.pick([-1, 1])) });
    case 4:
      return standing.length === 0 ? [...right] : [...right, erasureOf(random.pick(standing))];
    case 5:
      return [...right, erasureOf({ ...random.pick(places), commit: another(random) })];
    case 6: {
      const last = Math.max(...places.map(({ seq }) => seq));
      return [...right, erasureOf({ ...random.pick(places), seq: last + 1 + random.int(5) })];
    }
    default:
      return [...right];
  }
}

/** Files in which some lines are other ones; what follows the last LF stays. */
function withLines(files: readonly LogFile[], change: (line: Buffer) => Buffer): LogFile[] {
  return files.map(({ name, bytes }) => {
    const plain = plainOf(bytes);
    const rest = plain.subarray(plain.lastIndexOf(10) + 1);
    const lines = linesOf(plain.subarray(0, plain.length - rest.length));
    const again = Buffer.concat([...lines.flatMap((line) => [change(line), Buffer.from('\n')]), rest]);
    return { name, bytes: name.endsWith('.gz') ? gzipSync(again, { level: 1 }) : again };
  });
}

/** A file with a copy of it beside: in either of them some records are erased, and either may be an earlier one (M8.2). */
export function erasedCopy(random: Random, files: readonly LogFile[]): LogFile[] {
  const at = random.int(files.length);
  const original = files[at] as LogFile;
  const variant = (): Buffer => {
    const share = random.pick([0, 0.1, 0.5, 1]);
    const [erased] = withLines([original], (line) => (random.chance(share) ? (erasedLine(line) ?? line) : line));
    const plain = plainOf((erased as LogFile).bytes);
    const lines = linesOf(plain).map((line) => Buffer.concat([line, Buffer.from('\n')]));
    if (random.chance(0.4)) lines.splice(random.int(lines.length + 1));
    const bytes = Buffer.concat(lines.length === linesOf(plain).length ? [plain] : lines);
    if (random.chance(0.1)) return bytes.subarray(0, random.int(bytes.length + 1));
    if (random.chance(0.1)) return Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    if (random.chance(0.05) && bytes.length > 0) bytes[random.int(bytes.length)] = 0x78;
    return bytes;
  };
  const name = original.name.replace(/\.gz$/, '');
  const copies = [1, 2, 3].slice(0, random.pick([1, 1, 1, 2])).map((number) => ({
    name: random.chance(0.5) ? `${number}.${name}` : `${name}.${number}.jsonl`,
    bytes: variant(),
  }));
  const beside = [...files.with(at, random.chance(0.5) ? original : { name, bytes: variant() }), ...copies];
  return random.chance(0.5) ? beside : beside.reverse();
}

/** A log from which somebody has erased records, and what the erasure log says of it. */
export interface ErasedLog {
  readonly log: HonestLog;
  readonly erasures: Erasures;
}

/** Some records are erased as their owner may; undefined where none has a salt. Abandoned ones are left (M8.26). */
export function erasedLog(random: Random, log: HonestLog): ErasedLog | undefined {
  const places = placesOf(log, log.files);
  const keyOf = ({ origin, seq }: Pick<Place, 'origin' | 'seq'>): string => `${origin} ${seq}`;
  const count = new Map<string, number>();
  for (const place of places) count.set(keyOf(place), (count.get(keyOf(place)) ?? 0) + 1);
  const erasable = places.filter((place) => place.commit !== undefined && count.get(keyOf(place)) === 1);
  if (erasable.length === 0) return undefined;
  const some = random.some(erasable, random.pick([0.1, 0.5, 1]));
  const chosen = some.length === 0 ? erasable.slice(0, 1) : some;
  const keys = new Set(chosen.map(keyOf));
  const tags = new Map(log.origins.map((origin) => [tagOf(origin), origin]));
  const files = withLines(log.files, (line) => {
    const read = classified(line);
    const origin = read.type === 'record' ? tags.get(read.tag) : undefined;
    const isChosen = read.type === 'record' && origin !== undefined && keys.has(keyOf({ origin, seq: read.seq }));
    return isChosen ? (erasedLine(line) ?? line) : line;
  });
  return { log: { ...log, files }, erasures: { recorded: chosen.map(erasureOf), whole: true } };
}
