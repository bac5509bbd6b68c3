import { auditorOf, partOf, plainAuditor } from './auditors.ts';
import type { Case, CaseBrings } from './both-sides.ts';
import { Draft, type Item } from './draft.ts';
import { erasedCopy, erasuresFor } from './erased-log.ts';
import type { HonestLog, LogFile } from './honest-log.ts';
import { fileChanges, manifestChanges } from './mutate-files.ts';
import { keyChanges } from './mutate-keys.ts';
import { byteChanges, lineChanges } from './mutate-lines.ts';
import { changeMembers, changeRecord } from './mutate-members.ts';
import { noteChanges } from './mutate-notes.ts';
import { saltChanges, saltKeyChanges } from './mutate-salts.ts';
import type { Random } from './random.ts';

/** One change of a log. */
interface Changed {
  readonly what: string;
  readonly files: readonly LogFile[];
  readonly manifests: readonly LogFile[];
  readonly extraKeys?: Readonly<Record<string, string>>;
}

type Family = (
  random: Random,
  log: HonestLog,
  draft: Draft,
  other: HonestLog,
) => Promise<Changed | undefined> | Changed | undefined;

type DraftChange = (random: Random, draft: Draft, other: Draft) => Draft | undefined;

function ofDrafts(family: string, changes: Readonly<Record<string, DraftChange>>): Family {
  return (random, log, draft, other) => {
    const name = random.pick(Object.keys(changes));
    const changed = changes[name]?.(random, draft, Draft.of(other.files));
    if (changed === undefined) return undefined;
    return { what: `${family} ${name}`, files: changed.toFiles(), manifests: log.manifests };
  };
}

/** Families by how often they are taken. */
const families: readonly (readonly [number, Family])[] = [
  [20, ofDrafts('line', lineChanges)],
  [10, ofDrafts('byte', byteChanges)],
  [12, ofDrafts('note', noteChanges)],
  [12, ofDrafts('salt', saltChanges)],
  [12, ofDrafts('member', { member: changeMembers, record: changeRecord })],
  [
    30,
    async (random, log, draft) => {
      const name = random.pick([
        'member',
        'member',
        'entries',
        'cutAndAppend',
        'cutAndAppend',
        'salt',
        'reference',
        'period',
      ]);
      const forged = await { ...keyChanges, ...saltKeyChanges }[name]?.(random, draft, log.holder);
      if (forged === undefined) return undefined;
      const manifests = random.chance(0.8) ? [] : log.manifests;
      return { what: `holder ${name}`, files: forged.draft.toFiles(), manifests, extraKeys: forged.extraKeys };
    },
  ],
  [
    10,
    (random, log, _draft, other) => {
      const name = random.pick(Object.keys(fileChanges));
      const files = fileChanges[name]?.(random, log.files, other.files);
      return files && { what: `file ${name}`, files, manifests: log.manifests };
    },
  ],
  [6, (random, log) => ({ what: 'file erasedCopy', files: erasedCopy(random, log.files), manifests: log.manifests })],
  [
    6,
    (random, log) => {
      if (log.manifests.length === 0) return undefined;
      const name = random.pick(Object.keys(manifestChanges));
      const manifests = manifestChanges[name]?.(random, log.manifests);
      return manifests && { what: `manifest ${name}`, files: log.files, manifests };
    },
  ],
];

function pickFamily(random: Random): Family {
  const total = families.reduce((sum, [weight]) => sum + weight, 0);
  let left = random.int(total);
  for (const [weight, family] of families) {
    left -= weight;
    if (left < 0) return family;
  }
  throw new RangeError('the weights do not add up');
}

/** A changed log with its auditor. `other`: where foreign lines and files come from. */
export async function mutantOf(random: Random, log: HonestLog, draft: Draft, other: HonestLog): Promise<Case> {
  for (;;) {
    if (random.chance(0.04) && !log.origins.some((origin) => other.origins.includes(origin))) {
      const mixed = mixedLogs(random, log, other);
      if (mixed !== undefined) return mixed;
    }
    const changed = await pickFamily(random)(random, log, draft, other);
    if (changed === undefined) continue;
    const { extraKeys, ...rest } = changed;
    const part = random.chance(0.08) ? partOf(random, log) : undefined;
    const brings = withKeys(part?.brings ?? auditorOf(random, log), extraKeys);
    const files = part === undefined ? changed.files : changed.files.filter(({ name }) => name === part.file);
    if (files.length === 0) continue;
    return { ...rest, files, brings: { ...brings, ...withLimits(brings, erasuresFor(random, log, files)) } };
  }
}

/** What an auditor brings of erasures, beside his other limits. */
const withLimits = (
  { accept }: CaseBrings,
  { accept: more, ...erasures }: Partial<CaseBrings>,
): Partial<CaseBrings> => ({
  ...erasures,
  ...(more && { accept: { ...accept, ...more } }),
});

/** The lines of two logs as a pipe mixes them, in one file or two, perhaps changed. */
function mixedLogs(random: Random, one: HonestLog, other: HonestLog): Case | undefined {
  const lists = [Draft.of(one.files).items, Draft.of(other.files).items].map((items) =>
    items.map(({ bytes }) => bytes),
  );
  const total = lists.reduce((sum, list) => sum + list.length, 0);
  const split = random.chance(0.5) ? total : random.int(total);
  const items: Item[] = [];
  const taken = [0, 0];
  while (items.length < total) {
    const side = random.int(2);
    for (let run = 1 + random.int(5); run > 0; run--) {
      const bytes = lists[side]?.[taken[side] as number];
      if (bytes === undefined) break;
      taken[side] = (taken[side] as number) + 1;
      items.push({ file: items.length < split ? 'audit.1.jsonl' : 'audit.2.jsonl', bytes });
    }
  }
  const draft = new Draft(
    items,
    random.chance(0.8) ? ['audit.1.jsonl', 'audit.2.jsonl'] : ['audit.2.jsonl', 'audit.1.jsonl'],
  );
  const name = random.pick(Object.keys(lineChanges));
  const changed = random.chance(0.4) ? draft : lineChanges[name]?.(random, draft, draft);
  if (changed === undefined || changed.items.length === 0) return undefined;
  const auditors = [auditorOf(random, one), plainAuditor(random, other)] as const;
  const brings: CaseBrings = {
    ...auditors[0],
    origin: random.chance(0.3) ? 'audit.example.com/*' : [...one.origins, ...other.origins],
    ...(auditors.some(({ data_keys: keys }) => keys !== undefined) && {
      data_keys: { ...one.holder.dataKeys, ...other.holder.dataKeys },
    }),
    vkeys: [...(auditors[0].vkeys ?? []), ...(auditors[1].vkeys ?? [])],
    demux: random.chance(0.9),
  };
  return { what: `mixed ${changed === draft ? 'as they are' : name}`, files: changed.toFiles(), manifests: [], brings };
}

function withKeys(brings: CaseBrings, extra: Readonly<Record<string, string>> = {}): CaseBrings {
  if (brings.data_keys === undefined) return brings;
  return { ...brings, data_keys: { ...extra, ...brings.data_keys } };
}

/** What anybody may leave out of an honest log: any prefix of its files, any suffix, any one. */
export function withoutFiles(random: Random, log: HonestLog, brings: CaseBrings): Case[] {
  const cases: Case[] = [];
  const add = (what: string, files: readonly LogFile[]): void => {
    if (files.length > 0) cases.push({ what, files, manifests: log.manifests, brings });
  };
  const count = log.files.length;
  for (let n = 0; n < count; n++) {
    add(`honest without its first ${n} files`, log.files.slice(n));
    add(`honest without its last ${n} files`, log.files.slice(0, count - n));
    add(`honest without file ${n}`, log.files.toSpliced(n, 1));
  }
  return count > 12 ? random.some(cases, 0.4) : cases;
}
