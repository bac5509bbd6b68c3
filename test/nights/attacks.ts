import { gunzipSync, gzipSync } from 'node:zlib';
import type { Random } from '../fuzz/random.ts';
import { spoilSignature } from '../support/fleet.ts';
import { holdings, type Life } from './lives.ts';
import type { Store } from './store.ts';

/** What access to the storage of a log allows, between any two calls of an audit. */

/** What an attack works with. */
export interface Target {
  readonly life: Life;
  readonly store: Store;
  readonly random: Random;
  /** Another stream, of which files may be copied. */
  readonly other: Life;
}

export type Attack = (target: Target) => void;

const isCheckpoint = (line: string): boolean => line.includes('"kind":"checkpoint"');

/** Names of log files of a stream that are there, the oldest first. */
export function logsOf({ life, store }: Pick<Target, 'life' | 'store'>): string[] {
  const folders = [life.folder, ...life.copies.keys()];
  const own = store.names().filter((name) => folders.some((folder) => name.startsWith(`${folder}/`)));
  return own.filter((name) => /\.jsonl(\.gz)?$/.test(name));
}

export function textOf(store: Store, name: string): string {
  const bytes = store.read(name);
  return (name.endsWith('.gz') && bytes.length > 0 ? gunzipSync(bytes) : bytes).toString('utf8');
}

function put(store: Store, name: string, text: string): void {
  store.write(name, name.endsWith('.gz') ? gzipSync(text) : Buffer.from(text));
}

function edit(store: Store, name: string, change: (lines: string[]) => string[]): void {
  const lines = textOf(store, name).split('\n').slice(0, -1);
  put(
    store,
    name,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** One character of a record differs; no length does. */
export function altered(text: string): string {
  return text.replace(/"(n|file)":\d/, (found) => `${found.slice(0, -1)}${found.endsWith('9') ? '8' : '9'}`);
}

/** Checkpoints of a stream that stand in its files, the newest last. */
function checkpoints({ store, ...target }: Target): string[] {
  const lines = logsOf({ ...target, store }).flatMap((name) => textOf(store, name).split('\n').filter(isCheckpoint));
  const size = (line: string): number => Number(/"note":"[^\\]*\\n(\d+)\\n/.exec(line)?.[1]);
  return lines.sort((a, b) => size(a) - size(b));
}

const one =
  (act: (store: Store, name: string, target: Target) => void): Attack =>
  (target) => {
    const names = logsOf(target);
    if (names.length > 0) act(target.store, target.random.pick(names), target);
  };

function removeManifest(store: Store, name: string): void {
  const manifest = `${name.replace(/\.gz$/, '')}.manifest.json`;
  if (store.names().includes(manifest)) store.remove(manifest);
}

/** Old files become lines that say nothing of their entries, under their names; what would contradict that is removed. */
const hollow: Attack = (target) => {
  const { store, random } = target;
  const names = logsOf(target);
  const newest = checkpoints(target).at(-1);
  const last = names.at(-1);
  if (names.length < 3 || newest === undefined || last === undefined) return;
  const byCopy = random.below(2) === 0;
  const until = 1 + random.below(names.length - 1);
  // what a file between them says of its own entries contradicts nothing
  const telling = random.below(2) === 0 ? names.slice(until) : [last];
  for (const name of names.slice(0, until)) {
    put(store, name, byCopy ? textOf(store, last) : `${newest}\n`);
    removeManifest(store, name);
  }
  for (const name of telling) {
    edit(store, name, (lines) => {
      const first = lines.findIndex(isCheckpoint);
      return first >= 0 && first < 3 ? lines.toSpliced(first, 1) : lines;
    });
    removeManifest(store, name);
  }
};

/** What a file holds from a run in its middle on lies there once more. */
export const runOnceMore: Attack = (target) => {
  const runs = logsOf(target).flatMap((name) => {
    const lines = textOf(target.store, name).split('\n');
    return lines.flatMap((line, at) => (at > 0 && line.includes('"kind":"open"') ? [{ name, lines, at }] : []));
  });
  if (runs.length === 0) return;
  const { name, lines, at } = target.random.pick(runs);
  put(target.store, name.replace(/([^/]+)$/, 'b-$1'), lines.slice(at).join('\n'));
};

/** By name, for what is told of a violation. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  deleted: one((store, name) => store.remove(name)),
  'oldest deleted': (target) => {
    const [first] = logsOf(target);
    if (first !== undefined) target.store.remove(first);
  },
  'newest emptied': (target) => {
    const last = logsOf(target).at(-1);
    if (last !== undefined) target.store.write(last, Buffer.alloc(0));
  },
  emptied: one((store, name) => store.write(name, Buffer.alloc(0))),
  hollowed: hollow,
  'hollowed again': hollow,
  'all emptied': (target) => {
    for (const name of logsOf(target)) target.store.write(name, Buffer.alloc(0));
  },
  'cut off': one((store, name, { random }) =>
    edit(store, name, (lines) => lines.slice(0, 1 + random.below(Math.max(1, lines.length)))),
  ),
  'without its beginning': one((store, name, { random }) =>
    edit(store, name, (lines) => lines.slice(1 + random.below(3))),
  ),
  'without checkpoints': one((store, name) =>
    edit(store, name, (lines) => lines.filter((line) => !isCheckpoint(line))),
  ),
  'without one checkpoint': one((store, name, { random }) =>
    edit(store, name, (lines) => {
      const at = lines.findIndex((line, index) => isCheckpoint(line) && (random.below(2) === 0 || index > 3));
      return at < 0 ? lines : lines.toSpliced(at, 1);
    }),
  ),
  'without a manifest': one(removeManifest),
  'signature spoilt': one((store, name) =>
    edit(store, name, (lines) => {
      const at = lines.findIndex(isCheckpoint);
      return at < 0 ? lines : lines.with(at, spoilSignature(lines[at] as string));
    }),
  ),
  altered: one((store, name) => put(store, name, altered(textOf(store, name)))),
  'replaced by another of its files': one((store, name, target) =>
    put(store, name, textOf(store, target.random.pick(logsOf(target)))),
  ),
  'replaced by a file of another stream': one((store, name, { other, random }) => {
    const names = logsOf({ life: other, store });
    if (names.length === 0) return;
    put(store, name, textOf(store, random.pick(names)));
    other.touched = true;
  }),
  'two swapped': one((store, name, target) => {
    const second = target.random.pick(logsOf(target));
    const [a, b] = [textOf(store, name), textOf(store, second)];
    put(store, name, b);
    put(store, second, a);
  }),
  'rolled back': ({ life, store, random }) => {
    const earlier = { ...life, stage: random.below(life.stage + 1), copies: new Map() };
    for (const name of store.names()) if (name.startsWith(`${life.folder}/`)) store.remove(name);
    for (const [name, bytes] of holdings(earlier)) store.write(name, bytes);
  },
  'an old content put back': ({ life, store, random }) => {
    const earlier = holdings({ ...life, stage: random.below(life.stage + 1), copies: new Map() });
    const [name, bytes] = random.pick([...earlier]);
    if (store.names().includes(name)) store.write(name, bytes);
  },
  'a checkpoint put elsewhere': one((store, name, target) => {
    const all = checkpoints(target);
    if (all.length > 0) put(store, name, `${textOf(store, name)}${target.random.pick(all)}\n`);
  }),
  'a line behind it': one((store, name) => put(store, name, `${textOf(store, name)}{"n":1}\n`)),
  touched: one((store, name) => store.touch(name)),
  renamed: one((store, name) => {
    const bytes = store.read(name);
    store.remove(name);
    store.write(name.replace(/([^/]+)$/, 'a-$1'), bytes);
  }),
};
