import { type Digest, digestBytes } from './hash.ts';
import { Frontier, hashLeaf } from './tree.ts';

/** A Merkle tree as files: C2SP tlog-tiles. */

/** How many hashes a full tile has, and how many entries a full bundle. */
const WIDTH = 256;
/** The length of an entry stands in a bundle as 16 bits. */
export const MAX_ENTRY = 65_535;

/** A tile of hashes, or a bundle of entries. */
export interface TileFile {
  /** Relative to the log's prefix. */
  readonly path: string;
  /** The path that it has when it is full. */
  readonly full: string;
  /** How many hashes or entries it has. */
  readonly width: number;
  readonly bytes: Buffer;
}

/** `tile/<L>/<N>[.p/<W>]` */
function tileFile(level: number | 'entries', index: number, width: number, parts: readonly Uint8Array[]): TileFile {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const name = digits.replace(/\d{3}(?=\d)/g, 'x$&/');
  const full = `tile/${level}/${name}`;
  return { path: width < WIDTH ? `${full}.p/${width}` : full, full, width, bytes: Buffer.concat(parts) };
}

/** What this tile or bundle was when it had `width` hashes or entries, at most as many as it has. */
export function narrowed({ full, bytes }: TileFile, width: number): Buffer {
  if (!full.startsWith('tile/entries/')) return bytes.subarray(0, width * 32);
  let end = 0;
  for (let left = width; left > 0; left--) end += 2 + bytes.readUInt16BE(end);
  return bytes.subarray(0, end);
}

/** A growing tree as tiles. Memory does not grow with it: of each level the last tile is here. */
export class TileTree {
  #size = 0;
  readonly #levels: Digest[][] = [];
  /** The last bundle: lengths and entries, in turn. */
  #bundle: Uint8Array[] = [];

  get size(): number {
    return this.#size;
  }

  /** Adds an entry of at most 65,535 bytes. @returns the full tiles and the full bundle that it completes */
  append(entry: Uint8Array): TileFile[] {
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(entry.length);
    this.#bundle.push(length, Buffer.from(entry));
    this.#size++;
    const files: TileFile[] = [];
    if (this.#size % WIDTH === 0) {
      files.push(tileFile('entries', this.#size / WIDTH - 1, WIDTH, this.#bundle));
      this.#bundle = [];
    }
    let hash = hashLeaf(entry);
    for (let level = 0, hashes = this.#size; ; level++) {
      const tile = this.#levels[level] ?? [];
      this.#levels[level] = tile;
      tile.push(hash);
      if (tile.length < WIDTH) return files;
      hashes /= WIDTH;
      files.push(tileFile(level, hashes - 1, WIDTH, tile.map(digestBytes)));
      this.#levels[level] = [];
      const subtree = new Frontier();
      for (const one of tile) subtree.append(one);
      hash = subtree.root();
    }
  }

  /** The partial tiles and the partial bundle of the tree as it is. */
  partial(): TileFile[] {
    const files = this.#levels.flatMap((tile, level) => {
      const index = Math.floor(this.#size / WIDTH ** (level + 1));
      return tile.length === 0 ? [] : tileFile(level, index, tile.length, tile.map(digestBytes));
    });
    const width = this.#size % WIDTH;
    if (width > 0) files.push(tileFile('entries', Math.floor(this.#size / WIDTH), width, this.#bundle));
    return files;
  }
}
