import { gzipSync } from 'node:zlib';
import type { ClassifiedLine } from '../../../src/format/entry.ts';
import { type LogFile, linesOf } from './honest-log.ts';
import { classified } from './leaf.ts';

/** A line of a log that is being changed, without its LF. */
export interface Item {
  readonly file: string;
  readonly bytes: Buffer;
}

/** A log as the list of its lines. Files that were compressed are compressed again. */
export class Draft {
  readonly items: readonly Item[];
  /** Names in the order in which they were given; those that lost every line are left out. */
  readonly names: readonly string[];

  constructor(items: readonly Item[], names: readonly string[]) {
    this.items = items;
    this.names = names;
  }

  static of(files: readonly LogFile[]): Draft {
    const items = files.flatMap(({ name, bytes }) => linesOf(bytes).map((line) => ({ file: name, bytes: line })));
    return new Draft(
      items,
      files.map(({ name }) => name),
    );
  }

  with(items: readonly Item[]): Draft {
    return new Draft(items, this.names);
  }

  /** The draft with one line replaced by others. */
  spliced(at: number, count: number, ...bytes: Buffer[]): Draft {
    const file = (this.items[at] ?? this.items.at(-1))?.file ?? '';
    return this.with(this.items.toSpliced(at, count, ...bytes.map((line) => ({ file, bytes: line }))));
  }

  toFiles(): LogFile[] {
    return this.names.flatMap((name) => {
      const own = this.items.filter(({ file }) => file === name);
      if (own.length === 0) return [];
      const plain = Buffer.concat(own.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
      return [{ name, bytes: name.endsWith('.gz') ? gzipSync(plain, { level: 1 }) : plain }];
    });
  }
}

const kept = new WeakMap<Buffer, ClassifiedLine>();

/** What a line is. Lines are shared between drafts, so it is worth keeping. */
export function kindOf(item: Item): ClassifiedLine {
  const known = kept.get(item.bytes) ?? classified(item.bytes);
  kept.set(item.bytes, known);
  return known;
}

export const isEntry = (item: Item): boolean => ['record', 'control'].includes(kindOf(item).type);

/** Where the lines of a kind stand: a control kind, `record` or `checkpoint`. */
export function placesOf(draft: Draft, kind: string): number[] {
  return [...draft.items.keys()].filter((at) => {
    const read = kindOf(draft.items[at] as Item);
    return read.type === 'control' ? kind === read.kind || kind === 'control' : kind === read.type;
  });
}
