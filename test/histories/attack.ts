import { gzipSync } from 'node:zlib';
import type { VerifyReport } from '../../src/index.ts';
import { Draft, isEntry } from '../interop/differential/draft.ts';
import type { Holder } from '../interop/differential/honest-log.ts';
import { keyChanges } from '../interop/differential/mutate-keys.ts';
import { byteChanges, lineChanges } from '../interop/differential/mutate-lines.ts';
import { changeRecord } from '../interop/differential/mutate-members.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History, type Keys, type NamedBytes } from './history.ts';
import type { Kept, World } from './world.ts';

/** What somebody does to an honest log who wants it to pass for what it is not. */

export interface Attack extends History {
  /** The same with the file deleted that was emptied: to empty it must not be taken more lightly. */
  readonly deleted?: History;
  /** One record is another one, and nothing else was done. */
  readonly oneRecord: boolean;
}

type Done = Pick<Attack, 'what' | 'files'> &
  Partial<Pick<Attack, 'deleted' | 'oneRecord' | 'held' | 'keys' | 'manifests' | 'folder' | 'pattern'>>;
type Attacker = (random: Random, world: World, as: History) => Promise<Done | undefined>;

const changes = { ...lineChanges, ...byteChanges };

const keyless: Attacker = async (random, { files }) => {
  const name = random.pick(Object.keys(changes));
  const draft = Draft.of(files);
  const changed = changes[name]?.(random, draft, draft);
  return changed && { what: [name], files: changed.toFiles() };
};

const record: Attacker = async (random, { files }) => {
  const changed = changeRecord(random, Draft.of(files));
  return changed && { what: ['record'], files: changed.toFiles(), oneRecord: true };
};

/** Has the data key, of a log whose signers the auditor names, and may not sign. */
const dataKeyAlone: Attacker = async (random, world) => {
  if (world.mode !== 'both') return undefined;
  const name = random.pick(Object.keys(keyChanges));
  const holder: Holder = { dataKeys: world.dataKeyOf, signers: new Map() };
  const forged = await keyChanges[name]?.(random, Draft.of(world.files), holder);
  return forged && { what: [`data key ${name}`], files: forged.draft.toFiles() };
};

/** Can write to the storage; the auditor holds the first and the newest checkpoint of each stream (M8.27). */
const storage: Attacker = async (random, world, as) => {
  const held = world.origins.flatMap((origin) => {
    const own = world.kept.filter((kept) => kept.origin === origin);
    return [...own.slice(0, 1), ...own.slice(-1)];
  });
  const at = random.int(world.files.length);
  const { name, bytes, origin: of } = world.files[at] as World['files'][0];
  const without = world.files.toSpliced(at, 1);
  const what = random.pick(['deleted', 'emptied', 'older']);
  // a held checkpoint proves a log that begins right behind it (M8.4): nobody can tell that there was more
  const seqs = [...bytes.toString('latin1').matchAll(/"integrity":\{"seq":(\d+)/g)].map(([, seq]) => Number(seq));
  if ((held.find(({ origin }) => origin === of)?.size ?? 0) >= Math.max(...seqs)) return undefined;
  if (what === 'deleted') return { what: [what], files: without, held };
  if (what === 'older') {
    const older = bytes.subarray(0, bytes.lastIndexOf(0x0a, random.int(bytes.length)) + 1);
    return {
      what: [what],
      files: world.files.with(at, { ...(world.files[at] as World['files'][0]), bytes: older }),
      held,
    };
  }
  const content = random.pick(['', '\n', 'not a log\n']);
  const files = [...without, { name, bytes: Buffer.from(content) }];
  const deleted = { ...as, what: ['deleted'], files: without, held };
  return { what: [what, JSON.stringify(content)], files, held, deleted };
};

/** Nothing, in the forms that a file of it has. */
const NOTHING: readonly Buffer[] = [Buffer.alloc(0), Buffer.from('\n'), Buffer.from('\ufeff'), gzipSync('')];

/** Deletes files, empties them or overwrites them with a copy of another one, and leaves the manifests that tell of them. */
const manifestLeft: Attacker = async (random, { files, manifests }) => {
  const told = files.filter(({ name }) => manifests.some((one) => one.name === `${name}.manifest.json`));
  if (told.length === 0) return undefined;
  const one = random.pick(told);
  const gone = random.chance(0.4) ? told.filter(({ origin }) => origin === one.origin) : [one];
  const left = files.filter((file) => !gone.includes(file));
  if (left.length === 0) return undefined;
  const here = new Set(Draft.of(left).items.map(({ bytes }) => bytes.toString('latin1')));
  const isLost = Draft.of(gone).items.some((item) => isEntry(item) && !here.has(item.bytes.toString('latin1')));
  const instead = random.pick([undefined, random.pick(left).bytes, random.pick(NOTHING)]);
  const others = instead === undefined ? [] : gone.map(({ name }) => ({ name, bytes: instead }));
  // under a pattern a stream that was deleted as a whole is not missed, but one is whose files are there
  const isHere = instead !== undefined || left.some(({ origin }) => origin === one.origin);
  const pattern = isHere && random.chance(0.3) ? { pattern: 'audit.example.com/*' } : {};
  const demux = random.chance(0.2);
  return isLost
    ? { what: ['manifest left'], files: [...left, ...others], manifests, folder: true, demux, ...pattern }
    : undefined;
};

/** The entries of a log as far as the auditor's keys tell: of one without the data key not what authenticates each. */
function entriesIn(files: readonly NamedBytes[], { dataKeys }: Keys): string[] {
  const items = Draft.of(files).items.filter(({ bytes }) => bytes.length > 0);
  return items.map((item) => {
    const end = dataKeys.length === 0 && isEntry(item) ? -46 : undefined;
    return `${isEntry(item)}${item.bytes.subarray(0, end).toString('latin1')}`;
  });
}

/** Whether another file begins with all of it: that one is the log (M8.2). */
const isCopied = (file: NamedBytes, files: readonly NamedBytes[]): boolean =>
  files.some(
    (one) =>
      one !== file &&
      one.bytes.length > file.bytes.length &&
      one.bytes.subarray(0, file.bytes.length).equals(file.bytes),
  );

/** Whether the files hold more than checkpoint lines in other places: an entry is another one, missing, or somewhere else. */
function isChanged(world: World, files: readonly NamedBytes[], keys: Keys, held: readonly Kept[]): boolean {
  const entries = (list: readonly string[]): string[] => list.filter((line) => line.startsWith('true'));
  const before = entries(entriesIn(world.files, keys));
  const after = entries(
    entriesIn(
      files.filter((file) => !isCopied(file, files)),
      keys,
    ),
  );
  if (before.length === after.length) return before.some((line, at) => line !== after[at]);
  // a held checkpoint proves a log that begins right behind it, and nothing else tells one that was cut at a close
  const gone = before.length - after.length;
  if (held[0] !== undefined && gone <= held[0].size && after.every((line, at) => line === before[at + gone]))
    return false;
  return held.length > 0 || after.length > before.length || after.some((line, at) => line !== before[at]);
}

/** One attack on a world; undefined where nothing was changed that anybody could tell. */
export async function makeAttack(random: Random, world: World): Promise<Attack | undefined> {
  if (world.open || world.has.has('ABANDONED') || world.has.has('TORN_TAIL')) return undefined;
  const publicOnly = world.mode === 'hash' || (world.mode === 'both' && random.chance(0.4));
  const as = asSealed(world, publicOnly ? [] : world.dataKeys);
  const attacker = random.pick([keyless, keyless, record, record, dataKeyAlone, storage, storage, manifestLeft]);
  const done = await attacker(random, world, as);
  if (done === undefined) return undefined;
  if (done.folder !== true && !isChanged(world, done.files, as.keys, done.held ?? [])) return undefined;
  return { oneRecord: false, ...as, ...done };
}

const RANK = { ok: 0, undecided: 1, tampered: 2 } as const;

/** What a verifier must not say of an attack. */
export function attackViolations(
  { world, oneRecord }: Attack,
  report: VerifyReport,
  deleted: VerifyReport | undefined,
): string[] {
  const violations: string[] = [];
  if (report.verdict === 'ok') violations.push('ok');
  if (deleted !== undefined && RANK[report.verdict] < RANK[deleted.verdict])
    violations.push(`emptied ${report.verdict}, deleted ${deleted.verdict}`);
  if (!oneRecord) return violations;
  if (report.verdict === 'undecided') violations.push('one record: undecided');
  const told = report.findings.map(({ code }) => code);
  if (told.includes('ADOPTED') && !world.has.has('ADOPTED')) violations.push('false: ADOPTED');
  return violations;
}
