import { gzipSync } from 'node:zlib';
import type { Random } from '../fuzz/random.ts';
import type { Store } from './store.ts';
import type { Files, Tape } from './tapes.ts';

/** What honest writers and operators do to streams: grow, compress, move, ship twice, restore, retire. */

/** One stream on its way. */
export interface Life {
  readonly tape: Tape;
  stage: number;
  folder: string;
  compressed: boolean;
  /** Folders in which closed files lie once more. */
  readonly copies: Map<string, Files>;
  /** How many of the oldest files a retention has deleted. */
  retired: number;
  /** Whether it leaves their manifests. */
  readonly leavesManifests: boolean;
  /** Whether anything else happened to it: then nothing is claimed about it. */
  touched: boolean;
}

const zipped = new WeakMap<Buffer, Buffer>();
const plain = (name: string): boolean => name.endsWith('.jsonl');

/** Compressed once. */
function gzipped(bytes: Buffer): Buffer {
  const known = zipped.get(bytes) ?? gzipSync(bytes, { level: 1 });
  zipped.set(bytes, known);
  return known;
}

const stageOf = ({ tape, stage }: Pick<Life, 'tape' | 'stage'>): Files => tape.stages[stage] as Files;

/** Names of the files that will not change any more, the oldest first. */
function closedFiles(life: Life): string[] {
  const last = life.tape.stages.at(-1) as Files;
  const own = stageOf(life);
  const newest = [...own.keys()].filter(plain).at(-1);
  return [...own.keys()].filter(
    (name) => plain(name) && name !== newest && last.get(name)?.equals(own.get(name) as Buffer),
  );
}

/** What an honest place holds of a stream. */
export function holdings(life: Life): Map<string, Buffer> {
  const closed = closedFiles(life);
  const gone = new Set(closed.slice(0, life.retired));
  const files = new Map<string, Buffer>();
  for (const [name, bytes] of stageOf(life)) {
    const log = name.replace('.manifest.json', '');
    if (gone.has(log) && (log === name || !life.leavesManifests)) continue;
    if (life.compressed && closed.includes(name)) files.set(`${life.folder}/${name}.gz`, gzipped(bytes));
    else files.set(`${life.folder}/${name}`, bytes);
  }
  for (const [folder, copied] of life.copies) {
    for (const [name, bytes] of copied) if (!gone.has(name)) files.set(`${folder}/${name}`, bytes);
  }
  return files;
}

type Step = (life: Life, random: Random, night: number) => void;

const grow: Step = (life, random) => {
  life.stage = Math.min(life.tape.stages.length - 1, life.stage + 1 + random.below(2));
};
const steps: readonly Step[] = [
  grow,
  grow,
  grow,
  (life) => {
    life.compressed = true;
  },
  (life, _, night) => {
    life.folder = `moved-${night}/${life.tape.name}`;
  },
  (life, _, night) => {
    const files = closedFiles(life).map((name): [string, Buffer] => [name, stageOf(life).get(name) as Buffer]);
    life.copies.set(`again-${night}/${life.tape.name}`, new Map(files));
  },
];

/** One thing that happens to a stream without anyone doing wrong. `retention`: old files may go. */
export function liveOn(life: Life, store: Store, random: Random, night: number, retention: boolean): void {
  const before = holdings(life);
  if (random.below(8) === 0) for (const name of before.keys()) putIfHere(store, name, before.get(name) as Buffer);
  if (retention && random.below(6) === 0) life.retired = Math.max(life.retired, closedFiles(life).length - 2);
  random.pick(steps)(life, random, night);
  const after = holdings(life);
  const here = new Set(store.names());
  for (const name of before.keys()) if (!after.has(name) && here.has(name)) store.remove(name);
  for (const [name, bytes] of after) if (before.get(name)?.equals(bytes) !== true) store.write(name, bytes);
}

/** Everything is put back as it should be: nothing wrong is left of what was done. */
export function mend(lives: readonly Life[], store: Store): void {
  const right = new Map(lives.flatMap((life) => [...holdings(life)]));
  const here = new Set(store.names());
  for (const name of here) if (!right.has(name)) store.remove(name);
  for (const [name, bytes] of right) if (!here.has(name) || !store.read(name).equals(bytes)) store.write(name, bytes);
  for (const life of lives) life.touched = false;
}

/** Restored from a backup. */
function putIfHere(store: Store, name: string, bytes: Buffer): void {
  if (store.names().includes(name)) store.write(name, bytes);
}
