import { gunzipSync, gzipSync } from 'node:zlib';
import type { CarrierName, FindingCode } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { carriers, wrapFile } from '../support/carriers.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { otherDataKey, pqKey } from '../vectors/keys.ts';
import type { Kept, Mode, World, WorldFile } from './world.ts';

/** What honest people do to the files of an honest log, with which keys they come, and what is true of that. */

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The keys that an auditor names. */
export interface Keys {
  readonly vkeys: readonly string[];
  readonly dataKeys: readonly Buffer[];
}

/** A case for the verifier, and what may be said of it. */
export interface History {
  readonly world: World;
  /** What was done, one word each. */
  readonly what: readonly string[];
  /** In the order in which they are named. */
  readonly files: readonly NamedBytes[];
  /** They lie beside the files, and are not named. */
  readonly manifests: readonly NamedBytes[];
  /** The auditor names the directory, and so what lies beside the files. */
  readonly folder?: boolean;
  readonly origins: readonly string[];
  /** Names them all, and is what the auditor gives in their place. */
  readonly pattern?: string;
  readonly keys: Keys;
  readonly held: readonly Kept[];
  readonly known: readonly Kept[];
  readonly demux: boolean;
  readonly unwrap: CarrierName | undefined;
  readonly live: boolean;
  /** One closed file by itself. */
  readonly part?: boolean;
  /** What is so: any other finding above a warning is false. Empty: the verdict is ok. */
  readonly causes: ReadonlySet<FindingCode>;
  /** Those that everything else follows from: one of them is told first. */
  readonly roots: ReadonlySet<FindingCode>;
}

/** A world as it was sealed, for an auditor with every public key and these data keys. */
export const asSealed = (world: World, dataKeys: Keys['dataKeys']): History => ({
  world,
  what: [],
  files: world.files,
  manifests: [],
  origins: world.origins,
  keys: { vkeys: vkeysOf(world, world.signers), dataKeys },
  held: [],
  known: [],
  demux: false,
  unwrap: undefined,
  live: false,
  causes: new Set(),
  roots: new Set(),
});

/** One log, for an auditor who names these keys. */
export function alone(
  log: SealedLog,
  mode: Mode,
  signers: readonly SigningKey[],
  dataKeys: readonly Buffer[],
): History {
  const { origin, clock: now } = log;
  const files = log.toFiles().map((file) => ({ ...file, origin }));
  const world = { mode, origins: [origin], files, signers, dataKeys, now } as unknown as World;
  return asSealed(world, dataKeys);
}

const LONG_LINE = Buffer.concat([Buffer.alloc((16 << 20) + 300_000, 'x'), Buffer.from('\n')]);
const CUT = ['END_UNPROVEN', 'UNSIGNED', 'TORN_TAIL', 'UNVOUCHED', 'ABANDONED_UNPROVEN'] as const;
const MISSING = ['FILES_MISSING', 'START_UNPROVEN', ...CUT] as const;
/** What leaves each file that is here as it was. */
const UNCUT: ReadonlySet<string> = new Set(['subset', 'held', 'pattern', 'demux']);
const KEYLESS = ['NO_KEY', 'WRONG_KEY', 'KEY_NOT_NAMED'] as const;

/** A history that is being made. */
class Draft {
  readonly random: Random;
  readonly world: World;
  readonly what: string[] = [];
  readonly causes = new Set<FindingCode>();
  readonly roots = new Set<FindingCode>();
  files: NamedBytes[];
  demux = false;
  unwrap: CarrierName | undefined;

  constructor(random: Random, world: World, files: readonly WorldFile[]) {
    this.random = random;
    this.world = world;
    this.files = files.map(({ name, bytes }) => ({ name, bytes }));
  }

  because(what: string, roots: readonly FindingCode[], follows: readonly FindingCode[] = []): void {
    this.what.push(what);
    for (const code of roots) this.roots.add(code);
    for (const code of [...roots, ...follows]) this.causes.add(code);
  }

  at(index: number, change: (file: NamedBytes) => NamedBytes): void {
    this.files = this.files.map((file, at) => (at === index ? change(file) : file));
  }

  any(): number {
    return this.random.int(this.files.length);
  }
}

/** Files as lines again, each line with its LF. */
const joined = (lines: readonly Buffer[], ending = '\n'): Buffer =>
  Buffer.concat(lines.flatMap((line) => [line, Buffer.from(ending)]));

export const converted = ({ name, bytes }: NamedBytes): NamedBytes => {
  if (bytes.includes('\r\n')) return { name, bytes }; // a tool converts what is not converted yet
  const torn = bytes.at(-1) !== 0x0a;
  const all = joined(linesOf(bytes), '\r\n');
  return { name, bytes: torn ? all.subarray(0, -2) : all };
};

/** What is kept, lost or copied. */
const arrangements: readonly ((draft: Draft) => void)[] = [
  () => undefined,
  () => undefined,
  (draft) => {
    const files = draft.random.some(draft.files, 0.7);
    if (files.length === draft.files.length || files.length === 0) return;
    draft.files = files;
    draft.because('subset', MISSING);
  },
  (draft) => {
    draft.at(draft.any(), ({ name, bytes }) => ({ name, bytes: bytes.subarray(bytes.indexOf(0x0a) + 1) }));
    draft.because('without first line', [...MISSING, 'NOT_SEALED']);
  },
  (draft) => {
    const at = draft.any();
    draft.at(at, ({ name, bytes }) => {
      const length = draft.random.int(bytes.length);
      // a shipper that sends lines is behind by whole ones
      const whole = bytes.subarray(
        0,
        bytes.lastIndexOf(0x0a, draft.random.chance(0.3) ? bytes.length - 2 : length) + 1,
      );
      const last = linesOf(whole).findLast((line) => line.includes('"seq":'));
      // behind lines that a crash lost, numbers may go on in the next file as if nothing were missing (M8.26)
      const isLost = last !== undefined && !draft.world.entries.some((one) => one.bytes.equals(last));
      return { name, bytes: draft.random.chance(0.5) || isLost ? bytes.subarray(0, length) : whole };
    });
    draft.because('truncated', [...MISSING, 'NOT_SEALED']);
  },
  (draft) => {
    const { name, bytes } = draft.random.pick(draft.files);
    const end = bytes.lastIndexOf(0x0a, 1 + draft.random.int(bytes.length)) + 1;
    const length = draft.random.chance(0.7) ? end : draft.random.int(bytes.length);
    if (bytes.indexOf(0x0a, bytes[0] === 0x0a ? 1 : 0) >= length) return; // not an entry in it
    draft.files.push({ name: `backup-${name}`, bytes: bytes.subarray(0, length) });
    draft.what.push('backup');
  },
  (draft) => {
    const { name, bytes } = draft.random.pick(draft.files);
    draft.files.push({ name: `copy-${name}`, bytes });
    draft.what.push('copy');
  },
  (draft) => {
    const file = draft.random.pick(draft.files);
    draft.files.push({ ...converted(file), name: `windows-${file.name}` });
    draft.because('converted copy', ['LINE_ENDINGS_CONVERTED']);
  },
  (draft) => {
    if (draft.world.has.has('TORN_TAIL')) return; // in a pipe the next line would stand right behind it
    if (draft.world.origins.length > 1 || draft.random.chance(0.2)) mixDraft(draft);
  },
];

/** The streams as some pipe has mixed them. */
export const mixed = (random: Random, world: World): NamedBytes => ({
  name: 'mixed.jsonl',
  bytes: mix(random, linesByStream(world)),
});

const linesByStream = ({ origins, files }: World): Buffer[][] =>
  origins.map((origin) => files.filter((file) => file.origin === origin).flatMap(({ bytes }) => linesOf(bytes)));

/** The same by pipes on several hosts, between which services move: each file has a stretch of each stream, and no order fits all. */
export function mixedApart(random: Random, world: World): NamedBytes[] {
  const hosts = 2 + random.int(2);
  const stretches = linesByStream(world).map((lines) => {
    const cuts = Array.from({ length: hosts - 1 }, () => random.int(lines.length + 1)).sort((a, b) => a - b);
    return shuffled(
      random,
      [0, ...cuts].map((from, at) => lines.slice(from, cuts[at])),
    );
  });
  return Array.from({ length: hosts }, (_, at) => ({
    name: `host-${at}.jsonl`,
    bytes: mix(
      random,
      stretches.map((of) => of[at] ?? []),
    ),
  }));
}

function mix(random: Random, lists: readonly Buffer[][]): Buffer {
  const lines: Buffer[] = [];
  while (lists.some((list) => list.length > 0)) {
    const list = random.pick(lists.filter((one) => one.length > 0));
    lines.push(...list.splice(0, 1 + random.int(4)));
  }
  return joined(lines);
}

function mixDraft(draft: Draft): void {
  draft.files = [mixed(draft.random, draft.world)];
  draft.demux = true;
  draft.what.push('mixed');
}

const behind = (hex: string, bytes: Buffer): Buffer => Buffer.concat([Buffer.from(hex, 'hex'), bytes]);

/** Compressed as nobody reads it, by the name's ending; of other forms than gzip the beginning alone is right. */
const OTHERWISE: readonly (readonly [ending: string, how: (bytes: Buffer) => Buffer])[] = [
  ['.zst', (bytes) => behind('28b52ffd', bytes)],
  ['.xz', (bytes) => behind('fd377a585a00', bytes)],
  ['.bz2', (bytes) => behind('425a6839314159265359', bytes)],
  ['.lz4', (bytes) => behind('04224d18', bytes)],
  ['', (bytes) => behind('504b0304', gzipSync(bytes))],
  ['.tar', (bytes) => Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(250), bytes])],
  ['.gz', (bytes) => gzipSync(gzipSync(bytes))],
  ['.gz', (bytes) => behind('efbbbf', gzipSync(bytes))],
];

/** What programs on the way make of the bytes. */
const carriages: readonly ((draft: Draft) => void)[] = [
  () => undefined,
  () => undefined,
  (draft) => {
    draft.files = draft.files.map(converted);
    draft.because('all CRLF', ['LINE_ENDINGS_CONVERTED']);
  },
  (draft) => {
    draft.at(draft.any(), converted);
    draft.because('one CRLF', ['LINE_ENDINGS_CONVERTED']);
  },
  (draft) => {
    draft.files = draft.files.map((file) => (draft.random.chance(0.7) ? compressed(draft.random, file) : file));
    draft.what.push('gz');
  },
  (draft) => {
    const at = draft.any();
    draft.at(at, (file) => {
      const { name, bytes } = compressed(draft.random, file);
      const cut = bytes.subarray(0, Math.max(2, draft.random.int(bytes.length)));
      // between two members it is as if the file had been cut before it was compressed, which is another thing
      return { name, bytes: isWholeGzip(cut) ? cut.subarray(0, -1) : cut };
    });
    draft.because('truncated gz', ['UNREADABLE', 'GZIP_TRAILING'], [...MISSING, 'NOT_SEALED']);
  },
  (draft) => {
    const at = draft.any();
    draft.at(at, (file) => {
      const { name, bytes } = compressed(draft.random, file);
      const bit = draft.random.int(bytes.length * 8);
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      return { name, bytes: flipped };
    });
    // of a file that does not even begin like a compressed one nothing else can be known
    draft.because('flipped gz', ['UNREADABLE', 'GZIP_TRAILING', 'NOT_SEALED'], [...MISSING, 'LIMIT']);
  },
  (draft) => {
    const [ending, how] = draft.random.pick(OTHERWISE);
    const all = draft.random.chance(0.3);
    const one = draft.any();
    draft.files = draft.files.map(({ name, bytes }, at) =>
      all || at === one ? { name: `${name}${ending}`, bytes: how(bytes) } : { name, bytes },
    );
    draft.because('compressed otherwise', ['UNREADABLE'], [...MISSING, 'NOT_SEALED']);
  },
  (draft) => {
    const carrier = draft.random.pick(carriers);
    draft.unwrap = carrier;
    draft.files = draft.files.map(({ name, bytes }) => ({ name, bytes: wrapFile(carrier, bytes).bytes }));
    draft.what.push(carrier);
  },
];

function isWholeGzip(bytes: Buffer): boolean {
  try {
    gunzipSync(bytes);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false; // as zlib says that there is more, or less
    throw error;
  }
}

/** What a tool makes of lines that parses them and writes them again: with spaces, on several lines, or with sorted members. */
function rewritten(random: Random, { name, bytes }: NamedBytes): NamedBytes {
  const how = random.pick(['spaces', 'lines', 'sorted', 'utf16le', 'utf16be'] as const);
  if (how.startsWith('utf16')) {
    const text = Buffer.from(`\ufeff${bytes.toString('utf8').replaceAll('\n', '\r\n')}`, 'utf16le'); // PowerShell 5.1: `>`
    return { name, bytes: how === 'utf16be' ? text.swap16() : text };
  }
  const lines = linesOf(bytes).flatMap((line) => {
    const text = line.toString('utf8');
    if (!isParsed(text)) return [];
    if (how === 'sorted') return [Buffer.from(JSON.stringify(sorted(JSON.parse(text))))];
    const spread = JSON.stringify(JSON.parse(text), undefined, 1);
    return [Buffer.from(how === 'lines' ? spread : spread.replaceAll(/\n */g, ' '))];
  });
  return { name, bytes: joined(lines) };
}

const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort()
          .map(([name, one]) => [name, sorted(one)]),
      )
    : value;

function isParsed(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch (error) {
    if (error instanceof SyntaxError) return false; // a torn line
    throw error;
  }
}

/** In one member or several, at any level. */
export function compressed(random: Random, { name, bytes }: NamedBytes): NamedBytes {
  const level = 1 + random.int(9);
  const cut = random.chance(0.4) ? random.int(bytes.length) : bytes.length;
  const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((part) => part.length > 0);
  return { name: `${name}.gz`, bytes: Buffer.concat(parts.map((part) => gzipSync(part, { level }))) };
}

const vkeysOf = (world: World, keys: readonly SigningKey[]): string[] =>
  world.origins.flatMap((origin) => keys.map((key) => vkeyOf(origin, key)));

/** Which keys an auditor names. */
function nameKeys(draft: Draft): Keys {
  const { random, world } = draft;
  const data = world.dataKeys;
  const vkeys = vkeysOf(world, world.signers);
  const what = random.int(12);
  if (what === 0 || what === 1) {
    draft.because('no key', KEYLESS);
    return { vkeys: [], dataKeys: [] };
  }
  if (what === 2) {
    draft.because('wrong key', KEYLESS, ['UNSIGNED']);
    const asData = world.mode === 'mac' || (world.mode === 'both' && random.chance(0.5));
    return asData ? { vkeys: [], dataKeys: [otherDataKey] } : { vkeys: vkeysOf(world, [pqKey]), dataKeys: [] };
  }
  if (what === 3 && world.mode !== 'mac' && world.signers.length > 1) {
    draft.because('some keys', [...KEYLESS, 'UNVOUCHED', 'UNSIGNED'], ['END_UNPROVEN', 'ADOPTED']);
    return { vkeys: vkeysOf(world, random.some(world.signers, 0.5)), dataKeys: [] };
  }
  if (what === 4) {
    draft.what.push('too many keys');
    return {
      vkeys: world.mode === 'mac' ? [] : [...vkeys, ...vkeysOf(world, [pqKey])],
      dataKeys: [...data, otherDataKey],
    };
  }
  if (world.mode === 'both' && what < 9) {
    return random.chance(0.5) ? { vkeys, dataKeys: [] } : { vkeys: [], dataKeys: data };
  }
  return { vkeys, dataKeys: data };
}

/** How far each stream goes in these plain files, what a crash lost left out. */
function reachOf({ files, world }: Pick<Draft, 'files' | 'world'>): ReadonlyMap<string, number> {
  const reach = new Map<string, number>();
  const entries = new Map(world.entries.map((entry) => [entry.bytes.toString('latin1'), entry]));
  for (const { bytes } of files) {
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    for (const line of linesOf(whole)) {
      const entry = entries.get(line.toString('latin1'));
      if (entry !== undefined) reach.set(entry.origin, Math.max(entry.seq, reach.get(entry.origin) ?? 0));
    }
  }
  return reach;
}

export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(random.int(left.length), 1)[0] as T);
}

function cutsCited(draft: Draft): boolean {
  const reach = reachOf(draft);
  return [...draft.world.cited].some(([origin, size]) => (reach.get(origin) ?? size) < size);
}

/** A pipe that some tool has cut between lines, of which some pieces are here. */
function inPieces(draft: Draft): void {
  const { random, world } = draft;
  if (world.has.has('ABANDONED')) return; // of lines that a crash lost a piece alone tells nothing
  const at = draft.any();
  const { name, bytes } = draft.files[at] as NamedBytes;
  const ends = [...bytes.keys()].filter((place) => bytes[place] === 0x0a).map((place) => place + 1);
  const cuts = random.some(ends.slice(0, -1), 3 / ends.length);
  const pieces = [0, ...cuts].map((from, index) => ({
    name: `${index}-${name}`,
    bytes: bytes.subarray(from, cuts[index] ?? bytes.length),
  }));
  draft.files.splice(at, 1, ...random.some(pieces, 0.7));
  draft.because('pieces', [...MISSING, 'NOT_SEALED', 'ADOPTED']);
}

/** One thing that honest people did with a world. */
export const makeHistory = (random: Random, world: World): History =>
  arranged(random, world, (draft) => random.pick(arrangements)(draft));

/** The same, where one of the files was cut. */
export const makePieces = (random: Random, world: World): History => arranged(random, world, inPieces);

function arranged(random: Random, world: World, arrange: (draft: Draft) => void): History {
  let draft = new Draft(random, world, world.files);
  arrange(draft);
  if (cutsCited(draft)) draft = new Draft(random, world, world.files); // such a cut contradicts the next stream (M8.28)
  const reach = reachOf(draft);
  random.pick(carriages)(draft);
  const keys = nameKeys(draft);
  const checksMacs = world.mode !== 'hash' && world.dataKeys.every((key) => keys.dataKeys.includes(key));
  if (world.has.has('TORN_TAIL')) draft.because('torn', ['TORN_TAIL']);
  if (world.has.has('ADOPTED') && !checksMacs) draft.because('adopted', [], ['ADOPTED', 'UNVOUCHED', 'UNSIGNED']);
  if (world.has.has('ABANDONED_UNPROVEN') || (world.has.has('ABANDONED') && !checksMacs))
    draft.because('abandoned', [], ['ABANDONED_UNPROVEN']);
  if (world.told !== undefined && world.told.size > 0) {
    // of a log of which nothing is signed yet nothing shows whose it is
    draft.because('as it is', [], [...world.told, ...(world.told.has('UNSIGNED') ? (['UNVOUCHED'] as const) : [])]);
    // of a run that was killed before its first signature: a conversion may hide that its last line is torn
    if (world.open && world.told.has('END_UNPROVEN')) draft.because('as it is', [], ['UNSIGNED']);
  }
  const live = world.open ? random.chance(0.8) : random.chance(0.05);
  const ends = ['END_UNPROVEN', 'UNSIGNED'] as const; // asked as a live one, a log that ended long ago has no other fault
  if (world.open !== live || (live && world.origins.length > 1)) draft.because('end', live ? ends : [], ends);
  // what is proven by a held checkpoint alone may be long ago
  if (live && draft.causes.has('NO_KEY')) draft.because('end', [], ['END_UNPROVEN']);
  if (draft.roots.size === 0) for (const code of draft.causes) draft.roots.add(code);
  // of a stream whose neighbour is damaged, or that is in the damaged file, this is the first thing to say
  if (world.origins.length > 1 && draft.causes.has('START_UNPROVEN'))
    draft.roots.add('START_UNPROVEN').add('END_UNPROVEN').add('TORN_TAIL');
  // a checkpoint above the end of what is here is a cut, whoever made it (M8.5): nobody honest holds one
  const holds = world.kept.filter(({ origin, size }) => size <= (reach.get(origin) ?? 0));
  const held = holds.length > 0 && random.chance(0.4) ? random.some(holds, 0.3).concat(random.pick(holds)) : [];
  const known = holds.length > 0 && random.chance(0.15) ? holds : [];
  if (held.length + known.length > 0) draft.what.push('held');
  const isPlain = draft.unwrap === undefined && !draft.what.some((one) => /gz$|^compressed/.test(one));
  const isAlone = !draft.files.some(({ name }) => /^(?:copy|backup|windows)-/.test(name)); // else a fork
  // the beginning of a file whose rest, with its last checkpoints, is beside it and cannot be read
  if (draft.what.includes('backup') && draft.causes.has('UNREADABLE')) draft.because('unread rest', [], ['ADOPTED']);
  if (isPlain && random.chance(0.08)) rewrite(draft);
  else if (isPlain && isAlone && random.chance(0.02)) insertLongLine(draft);
  if (!draft.demux && random.chance(0.1)) {
    draft.demux = true;
    draft.what.push('demux');
  }
  // where no manifest is asked, nothing else tells that a file lost its last checkpoints
  if (draft.what.includes('truncated') && (draft.demux || draft.unwrap !== undefined))
    draft.because('no manifests', ['ADOPTED']);
  // who takes a line out of a file does not keep its manifest; who copies a part of one may
  const kept = draft.what.includes('without first line') ? [] : world.manifests;
  const manifests = kept.length > 0 && random.chance(0.08) ? spoiled(draft, kept) : kept;
  const { files, demux, unwrap, causes, roots, what } = draft;
  const origins = world.origins;
  const pattern = random.chance(0.2) ? `${commonOf(origins)}*` : undefined;
  // without its open nothing says whose a file is
  if (pattern !== undefined) draft.because('pattern', causes.has('START_UNPROVEN') ? ['NO_KEY'] : []);
  const isWhole = what[0] === 'subset' && what.every((one) => UNCUT.has(one));
  return {
    world,
    what,
    files: shuffled(random, files),
    manifests,
    ...((isWhole || what.includes('rewritten')) && { folder: random.chance(0.5) }),
    origins,
    ...(pattern !== undefined && { pattern }),
    keys,
    held,
    known,
    demux,
    unwrap,
    live,
    causes,
    roots,
  };
}

/** A line that no verifier reads stands somewhere in a file: whatever comes behind it is undecided (M8.25). */
function insertLongLine(draft: Draft): void {
  draft.at(draft.any(), ({ name, bytes }) => {
    const at = bytes.indexOf(0x0a, draft.random.int(bytes.length)) + 1;
    return { name, bytes: Buffer.concat([bytes.subarray(0, at), LONG_LINE, bytes.subarray(at)]) };
  });
  draft.because('long line', ['LIMIT'], [...MISSING, 'NOT_SEALED']);
}

/** A manifest was cut by a download, or a program wrote it in its own form of text. */
function spoiled(draft: Draft, manifests: World['manifests']): World['manifests'] {
  const { random } = draft;
  const one = random.pick(manifests);
  const forms = [
    one.bytes.subarray(0, random.int(one.bytes.length - 1)),
    Buffer.alloc(0),
    Buffer.from(`\ufeff${one.bytes}`),
    Buffer.from(`\ufeff${one.bytes}`, 'utf16le'),
    Buffer.from(`\ufeff${one.bytes}`, 'utf16le').swap16(),
  ];
  draft.because('manifest spoiled', ['UNREADABLE']);
  return manifests.map((other) => (other === one ? { name: one.name, bytes: random.pick(forms) } : other));
}

/** One file or all of them were parsed and written again: of their entries nothing can be said. */
function rewrite(draft: Draft): void {
  const all = draft.random.chance(0.5);
  const at = draft.any();
  draft.files = draft.files.map((file, index) => (all || index === at ? rewritten(draft.random, file) : file));
  draft.because('rewritten', ['RESERIALIZED'], MISSING);
}

function commonOf(origins: readonly string[]): string {
  const [first = '', ...rest] = origins;
  let length = first.lastIndexOf('/') + 1;
  while (!rest.every((one) => one.startsWith(first.slice(0, length)))) length = first.lastIndexOf('/', length - 2) + 1;
  return first.slice(0, length);
}
