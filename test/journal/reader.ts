import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A second reader of journals, written from spec/journal.md with hashes alone. */

export interface Head {
  readonly size: number;
  readonly root: string;
}

export interface Entry {
  readonly origin: string;
  readonly state: string;
  readonly size?: number;
  readonly root?: string;
  readonly since?: Head;
  readonly seen?: Head;
  readonly first?: number;
  readonly memory?: string;
}

export interface ReadNight {
  readonly seq: number;
  readonly night: string;
  readonly streams: number;
  readonly bits: number;
  readonly root: string;
  /** By origin; undefined where the list is not there. */
  readonly entries: ReadonlyMap<string, Entry> | undefined;
}

const sha256 = (...parts: readonly Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, 2.1: the definition. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1) return sha256(Buffer.of(0), only as Buffer);
  const half = leaves.length / 2;
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

/** J1.4 */
export function rootOf(lines: readonly string[]): { readonly bits: number; readonly root: string } {
  let bits = 0;
  while (2 ** bits < lines.length && bits < 24) bits++;
  const buckets: { key: string; item: Buffer }[][] = Array.from({ length: 2 ** bits }, () => []);
  for (const line of lines) {
    const key = sha256(Buffer.from((JSON.parse(line) as Entry).origin));
    const item = Buffer.concat([key, sha256(Buffer.of(0), Buffer.from(line))]);
    const digits = [...key.subarray(0, 4)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    buckets[bits === 0 ? 0 : Number.parseInt(digits.slice(0, bits), 2)]?.push({ key: key.toString('hex'), item });
  }
  const leaves = buckets.map((bucket) => {
    bucket.sort((one, other) => (one.key < other.key ? -1 : 1));
    return Buffer.concat(bucket.map(({ item }) => item));
  });
  return { bits, root: treeHash(leaves).toString('base64') };
}

/** The records of nights in a journal, in their order, without what the log adds; no `end` that a restart took over (J2.2). */
export function recordsOf(file: string): { readonly seq: number; readonly night: string; readonly of?: number }[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const opens = lines.filter((line) => line.startsWith('{"integrity":') && line.includes('"adopted_from":'));
  const taken = opens.map((line) => JSON.parse(line).integrity as { adopted_from: number; size: number });
  return lines
    .filter((line) => line.startsWith('{"journal":1,'))
    .map((line) => {
      const { integrity, ...rest } = JSON.parse(line);
      return { ...rest, seq: integrity.seq };
    })
    .filter(
      ({ of, seq }) => of === undefined || !taken.some(({ adopted_from: from, size }) => seq >= from && seq <= size),
    );
}

/** Where the list of a root is (J1.4). */
export const listPath = (file: string, root: string): string =>
  join(`${file}.nights`, `${Buffer.from(root, 'base64').toString('hex')}.list`);

/** The nights that ended, their lists checked by J1.2 to J1.4. */
export function nightsOf(file: string): ReadNight[] {
  return recordsOf(file).flatMap((record): ReadNight[] => {
    if (record.of === undefined) return [];
    const night = record as unknown as ReadNight;
    const path = listPath(file, night.root);
    if (!existsSync(path)) return [{ ...night, entries: undefined }];
    const text = readFileSync(path, 'utf8');
    const lines = text.split('\n');
    if (lines.pop() !== '') throw new Error('the list does not end with LF');
    const { bits, root } = rootOf(lines);
    if (bits !== night.bits || root !== night.root || lines.length !== night.streams)
      throw new Error(`the list of ${night.night} is not the one that was sealed`);
    const entries = new Map(lines.map((line) => [(JSON.parse(line) as Entry).origin, JSON.parse(line) as Entry]));
    if (entries.size < lines.length) throw new Error('a stream stands there twice');
    return [{ ...night, entries }];
  });
}

/** The last head of a stream (J2.4). */
const lastHead = ({ size, root, since }: Entry): Head | undefined =>
  size === undefined || root === undefined ? since : { size, root };

/** J2.5, J2.6 between two nights: origins that do not go on. */
export function breaks(before: ReadNight, after: ReadNight): string[] {
  const found: string[] = [];
  for (const [origin, entry] of before.entries ?? []) {
    const next = after.entries?.get(origin);
    const head = lastHead(entry);
    if (next === undefined || (head !== undefined && !isSame(next.since, head))) found.push(origin);
  }
  for (const [origin, { size, root, since }] of after.entries ?? []) {
    if (size === undefined || since === undefined) continue;
    if (size < since.size || (size === since.size && root !== since.root)) found.push(origin);
  }
  return found;
}

const isSame = (one: Head | undefined, other: Head): boolean => one?.size === other.size && one.root === other.root;
