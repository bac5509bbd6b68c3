import type { FindingCode, VerifyReport } from '../../src/index.ts';
import { Draft, isEntry, kindOf } from '../interop/differential/draft.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History } from './history.ts';
import type { World } from './world.ts';

/** One file by itself, with the checkpoint that was kept of what came before it (M8.7). */

export interface Part extends History {
  /** The checkpoints of the beginning and of the end are held, and nothing of the file is missing. */
  readonly isWhole: boolean;
}

/** What a file that ends without a close, or of a writer that had crashed, may be besides what the whole log is. */
const OPEN_ENDED: readonly FindingCode[] = [
  'UNSIGNED',
  'END_UNPROVEN',
  'UNVOUCHED',
  'ADOPTED',
  'ABANDONED_UNPROVEN',
  'TORN_TAIL',
];

/** Undefined where the world has no file that a kept checkpoint comes right before. */
export function makePart(random: Random, world: World): Part | undefined {
  const files = world.files.flatMap((file) => {
    const entries = Draft.of([file])
      .items.filter(isEntry)
      .map((item) => kindOf(item) as { seq: number; kind?: string });
    const [first, last] = [entries[0], entries.at(-1)];
    if (first?.kind !== 'open' || last === undefined || first.seq === 1) return [];
    const at = (size: number) => world.kept.filter((one) => one.origin === file.origin && one.size === size);
    const before = at(first.seq - 1);
    return before.length === 0 ? [] : [{ file, before, end: at(last.seq), closes: last.kind === 'close' }];
  });
  if (files.length === 0) return undefined;
  const { file, before, end, closes } = random.pick(files);
  const dataKeys = world.mode === 'both' && random.chance(0.3) ? [] : world.dataKeys;
  const holdsEnd = random.chance(0.5);
  return {
    ...asSealed(world, dataKeys),
    what: ['part', ...(holdsEnd ? ['held'] : [])],
    files: [file],
    manifests: world.manifests.filter(({ name }) => name === `${file.name}.manifest.json`),
    origins: [file.origin],
    held: [...before, ...(holdsEnd ? end : [])],
    part: true,
    isWhole: closes && holdsEnd && end.length > 0,
  };
}

/** What a verifier must not say of it. */
export function partViolations({ isWhole, world }: Part, { verdict, findings }: VerifyReport): string[] {
  if (verdict === 'tampered') return ['tampered'];
  const ofWorld = world.told ?? world.has;
  const isPlain = ofWorld.size === 0 && !world.has.has('ADOPTED') && !world.has.has('ABANDONED');
  if (isWhole && verdict !== 'ok' && isPlain) return ['undecided'];
  const told = findings.filter(({ severity }) => severity === 'undecided').map(({ code }) => code);
  // what is held of seq - 1 may have been signed by a key of before, of which nothing here shows whose it is (M8.4)
  const allowed = new Set<FindingCode>([...OPEN_ENDED, ...world.has, ...ofWorld, 'START_UNPROVEN']);
  return told.filter((code) => !allowed.has(code)).map((code) => `false: ${code}`);
}
