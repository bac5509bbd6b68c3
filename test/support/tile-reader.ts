import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A log as C2SP tlog-tiles, read by that text and RFC 6962 alone: no code of the exporter's is used here. */
export interface ReadTiles {
  readonly origin: string;
  readonly size: number;
  /** Lines under the checkpoint's text. */
  readonly signatures: readonly string[];
  readonly note: string;
  readonly entries: readonly Buffer[];
  /** What is among the tiles and is neither of this tree nor a partial tile of a smaller one. */
  readonly strange: readonly string[];
}

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const leafHash = (entry: Uint8Array): Buffer => sha256(Uint8Array.of(0), entry);

/** RFC 6962, section 2.1, over leaf hashes. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

/** "zero-padded 3-digit path elements. All but the last path element MUST begin with an x." */
function elements(n: number): string {
  const digits = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0');
  const parts = digits.match(/\d{3}/g) ?? [];
  return parts.map((part, at) => (at < parts.length - 1 ? `x${part}` : part)).join('/');
}

const pathOf = (level: string, n: number, width: number): string =>
  `tile/${level}/${elements(n)}${width === 256 ? '' : `.p/${width}`}`;

/** "sequences of big-endian uint16 length-prefixed log entries" */
function entriesOf(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = bundle.readUInt16BE(at);
    if (at + 2 + length > bundle.length) throw new Error('an entry ends behind its bundle');
    entries.push(bundle.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return entries;
}

/** The paths of all that is below a folder and is no folder. */
function pathsIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return names
    .filter((one) => !one.isDirectory())
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1));
}

/** @throws where it is no Ed25519 signature of the text by this vkey (C2SP signed-note) */
export function checkLine(text: string, line: string, vkey: string): void {
  const [, name = '', id = '', key = ''] = /^([^+]+)\+([^+]+)\+(.+)$/.exec(vkey) ?? [];
  const [, of, encoded = ''] = line.split(' ');
  const bytes = Buffer.from(encoded, 'base64');
  const x = Buffer.from(key, 'base64').subarray(1).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const isOf = of === name && bytes.toString('hex', 0, 4) === id;
  if (!isOf || !verify(null, Buffer.from(text), publicKey, bytes.subarray(4))) throw new Error(`${line} is wrong`);
}

/** Reads all of a log and recomputes every tile and the root. @throws where anything is missing or differs */
export function readTiles(folder: string): ReadTiles {
  const note = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const [text = '', signatures = ''] = note.split('\n\n');
  const [origin = '', digits, root] = text.split('\n');
  const size = Number(digits);
  const entries: Buffer[] = [];
  const strange = new Set(pathsIn(folder).filter((path) => path.startsWith('tile')));
  const file = (path: string): Buffer => {
    if (!lstatSync(join(folder, path)).isFile()) throw new Error(`${path} is not a file`);
    strange.delete(path);
    return readFileSync(join(folder, path));
  };
  const smaller = (level: string, n: number, parts: readonly Buffer[]): void => {
    for (let width = 1; width < parts.length; width++) {
      const path = pathOf(level, n, width);
      if (strange.has(path) && !file(path).equals(Buffer.concat(parts.slice(0, width))))
        throw new Error(`${path} is of another tree`);
    }
  };
  for (let n = 0; n * 256 < size; n++) {
    const width = Math.min(256, size - n * 256);
    const bundle = entriesOf(file(pathOf('entries', n, width)));
    if (bundle.length !== width) throw new Error(`bundle ${n} has ${bundle.length} entries, not ${width}`);
    smaller(
      'entries',
      n,
      bundle.map((entry) => Buffer.concat([Buffer.from([entry.length >> 8, entry.length & 255]), entry])),
    );
    entries.push(...bundle);
  }
  const leaves = entries.map(leafHash);
  for (let level = 0, hashes = leaves; hashes.length > 0; level++) {
    const above: Buffer[] = [];
    for (let n = 0; n * 256 < hashes.length; n++) {
      const tile = hashes.slice(n * 256, (n + 1) * 256);
      if (!file(pathOf(String(level), n, tile.length)).equals(Buffer.concat(tile)))
        throw new Error(`tile ${level}/${n} is not of its entries`);
      smaller(String(level), n, tile);
      if (tile.length === 256) above.push(treeHash(tile));
    }
    hashes = above;
  }
  if (treeHash(leaves).toString('base64') !== root)
    throw new Error('the entries do not have the root of the checkpoint');
  return { origin, size, signatures: signatures.trimEnd().split('\n'), note, entries, strange: [...strange] };
}

/** Every file below a folder by its path, with its content; none where there is no folder. @throws where one is no file */
export function filesIn(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const paths = pathsIn(folder).sort();
  for (const path of paths) if (!lstatSync(join(folder, path)).isFile()) throw new Error(`${path} is not a file`);
  return new Map(paths.map((path) => [path, readFileSync(join(folder, path), 'hex')]));
}
