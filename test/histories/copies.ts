import { gzipSync } from 'node:zlib';
import type { VerifyReport } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History, type NamedBytes } from './history.ts';
import type { World } from './world.ts';

/** Copies of a log's files as programs make them, in place of the files or beside them (M1.7, M8.2, M8.22). */

export interface Copies extends History {
  /** The same log as it was sealed. */
  readonly honest: History;
  /** A copy has other line endings, or a byte order mark. */
  readonly converted: boolean;
  /** A copy has an entry that is another one. */
  readonly forged: boolean;
}

interface Change {
  readonly what: string;
  readonly bytes: Buffer;
  readonly converts: boolean;
}

const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** With `ending` behind each line, and more of them wherever one ends. */
function written(random: Random, bytes: Buffer, ending: string, empty: number): Buffer {
  const torn = bytes.at(-1) !== 0x0a;
  const lines = linesOf(bytes);
  const more = (): string => (random.chance(empty) ? ending.repeat(1 + random.int(3)) : '');
  const parts = lines.flatMap((line, at) => [
    line,
    Buffer.from(torn && at === lines.length - 1 ? '' : ending + more()),
  ]);
  return Buffer.concat([Buffer.from(more()), ...parts]);
}

function changed(random: Random, bytes: Buffer): Change {
  const ending = random.chance(0.5) ? '\r\n' : '\n';
  const empty = random.pick([0, 0, 0.1, 0.5, 1]);
  const marked = random.chance(0.2);
  const lines = written(random, bytes, ending, empty);
  return {
    what: `${JSON.stringify(ending)} ${empty} ${marked}`,
    bytes: marked ? Buffer.concat([MARK, lines]) : lines,
    converts: marked || ending === '\r\n',
  };
}

/** A beginning with an entry in it; undefined where the place that was picked gives none. */
function beginningOf(random: Random, bytes: Buffer): Buffer | undefined {
  const at = 1 + random.int(bytes.length);
  const beginning = bytes.subarray(0, random.chance(0.7) ? bytes.lastIndexOf(0x0a, at) + 1 : at);
  const first = linesOf(bytes).find((line) => line.length > 0);
  return first !== undefined && beginning.length > bytes.indexOf(first) + first.length ? beginning : undefined;
}

/** One bit of an entry is another one, or lines that nobody sealed stand before it, before all, or behind all. What no LF ends is none (M1.7). */
function forgedIn(random: Random, bytes: Buffer): Buffer {
  const lines = linesOf(bytes);
  const whole = bytes.at(-1) === 0x0a ? lines.length : lines.length - 1;
  const entries = [...lines.keys()].filter((at) => at < whole && lines[at]?.includes('"integrity":{"seq":'));
  if (entries.length === 0) return bytes;
  const at = random.pick(entries);
  if (random.chance(0.1)) return Buffer.concat([bytes, Buffer.from('{"n":1,"msg":"payment of 7 accepted"}\n')]);
  if (random.chance(0.4)) {
    const before = random.chance(0.5) ? 0 : at;
    const lengths = lines.slice(0, before).map(({ length }) => length + 1);
    const from = lengths.reduce((sum, length) => sum + length, 0);
    const added = '{"n":1,"msg":"payment of 7 accepted"}\n'.repeat(1 + random.int(3));
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(added), bytes.subarray(from)]);
  }
  const line = Buffer.from(lines[at] as Buffer);
  const place = random.int(line.length);
  line[place] = (line[place] as number) ^ (1 << random.int(8));
  if (line[place] === 0x0a || line[place] === 0x0d) return bytes;
  const from = lines.slice(0, at).reduce((sum, { length }) => sum + length + 1, 0);
  return Buffer.concat([bytes.subarray(0, from), line, bytes.subarray(from + line.length)]);
}

/** Bytes behind a copy that was not brought to its end. */
const filling = (random: Random): Buffer => {
  const byte = random.pick([0, 0x0a, 0x1a, 0x0d]);
  return Buffer.alloc(byte === 0 ? 1 + random.int(5_000) : 1 + random.int(2), byte);
};

/** `forges`: somebody changes an entry of one of them. Undefined where the world has no file that could be copied so. */
export function makeCopies(random: Random, world: World, forges: boolean): Copies | undefined {
  const honest = asSealed(world, world.dataKeys);
  const mixes = !world.has.has('TORN_TAIL') && random.chance(0.2);
  const whole = Buffer.concat(world.files.map(({ bytes }) => bytes));
  const sources: readonly NamedBytes[] = mixes ? [{ name: 'mixed.jsonl', bytes: whole }] : world.files;
  let files = [...sources];
  let converted = false;
  let forged = false;
  const what: string[] = mixes ? ['mixed'] : [];
  for (let n = 1 + random.int(3); n > 0; n--) {
    const at = random.int(sources.length);
    const source = sources[at] as NamedBytes;
    const beside = random.chance(0.7);
    const from = beside && random.chance(0.4) ? beginningOf(random, source.bytes) : source.bytes;
    if (from === undefined || from.length === 0) continue;
    const own: Buffer = forges && n === 1 ? forgedIn(random, from) : from;
    forged ||= own !== from;
    const written = changed(random, own);
    const filled = beside && random.chance(0.2);
    const copy = filled ? { ...written, bytes: Buffer.concat([written.bytes, filling(random)]) } : written;
    const packed = random.chance(0.2);
    const bytes = packed ? gzipSync(copy.bytes) : copy.bytes;
    const name = `${beside ? `copy${n}-` : ''}${source.name}${packed ? '.gz' : ''}`;
    if (beside) files.push({ name, bytes });
    else files = files.with(at, { name, bytes });
    converted ||= copy.converts;
    what.push(
      `${beside ? 'beside' : 'instead'} ${copy.what}${from === source.bytes ? '' : ' cut'}${own === from ? '' : ' forged'}${filled ? ' filled' : ''}`,
    );
  }
  if (what.length === (mixes ? 1 : 0) || forged !== forges) return undefined;
  const ordered = files.map((file) => ({ file, at: random.int(1000) })).sort((a, b) => a.at - b.at);
  return {
    ...honest,
    what,
    files: ordered.map(({ file }) => file),
    manifests: world.manifests,
    demux: mixes,
    honest: { ...honest, demux: mixes, files: sources, manifests: world.manifests },
    converted,
    forged,
  };
}

const above = ({ findings }: VerifyReport): string[] => [
  ...new Set(findings.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)),
];

/** What a verifier must not say: anything but what is said of the log alone, and that a copy was converted. */
export function copiesViolations(
  { what, converted, forged }: Copies,
  report: VerifyReport,
  before: VerifyReport,
): string[] {
  if (forged) return report.verdict === 'ok' ? ['forged: ok'] : [];
  // beside one that was converted a filled one is read: less was done to it
  const filled = what.some((one) => one.endsWith(' filled')) && what.some((one) => one.startsWith('instead'));
  const allowed = new Set([
    ...above(before),
    ...(converted ? ['LINE_ENDINGS_CONVERTED'] : []),
    ...(filled ? ['TORN_TAIL'] : []),
  ]);
  const violations = above(report)
    .filter((code) => !allowed.has(code))
    .map((code) => `false: ${code}`);
  if (report.verdict === 'tampered') violations.push('tampered');
  if (report.verdict === 'undecided' && before.verdict === 'ok' && !converted && !filled) violations.push('undecided');
  for (const { origin, provenSize } of before.streams) {
    const now = report.streams.find((one) => one.origin === origin)?.provenSize;
    if (now !== provenSize) violations.push(`proves ${(now ?? 0) < provenSize ? 'less' : 'more'}`);
  }
  return violations;
}
