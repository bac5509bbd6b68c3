import { createHash } from 'node:crypto';
import { logFiles } from './log-files.ts';
import type { World } from './world.ts';

/** What the files of a stream come to, computed from their bytes by the definition of the format (spec M1.2), without the writer's code. */
export interface StreamTruth {
  readonly size: number;
  /** The root of the first so many entries, as a note says it; undefined if there are not as many. */
  rootAt(size: number): string | undefined;
  /** Versions of the signing keys that its entries name. */
  readonly keys: ReadonlySet<number>;
  /** Those that the first entry of a file names which was not moved away: a start looks for them there. */
  readonly firstKeys: ReadonlySet<number>;
  readonly hasCheckpoint: boolean;
}

/** A leaf is a line without so many bytes at its end. */
const AUTH = 46;

export function truthOf(world: World, origin: string): StreamTruth {
  const leaves: Buffer[] = [];
  const keys = new Set<number>();
  const firstKeys = new Set<number>();
  let hasCheckpoint = false;
  for (const [name, bytes] of logFiles(world)) {
    const isHere = !name.startsWith('archive/');
    let isOurs = false;
    for (const line of bytes.toString('latin1').split('\n')) {
      const [, seq] = /.*"integrity":\{"seq":(\d+)/.exec(line) ?? [];
      hasCheckpoint ||= isOurs && line.startsWith('{"integrity":{"kind":"checkpoint"');
      if (seq === undefined || line.length <= AUTH) continue;
      const [, opened] = /^\{"integrity":\{"seq":\d+,"kind":"open","format":1,"origin":"([^"]*)"/.exec(line) ?? [];
      const isFirst: boolean = opened === origin && !isOurs;
      isOurs ||= isFirst;
      const [signers = ''] = opened === origin ? (/"signers":\[.*?\]/.exec(line) ?? []) : [];
      for (const [, version] of signers.matchAll(/"identity":"audit:v(\d+)"/g)) {
        keys.add(Number(version));
        if (isFirst && isHere) firstKeys.add(Number(version));
      }
      if (isOurs) leaves[Number(seq) - 1] ??= leafOf(line.slice(0, -AUTH));
    }
  }
  let size = 0;
  while (leaves[size] !== undefined) size++;
  const hashes = leaves.slice(0, size).map((leaf) => hashOf(0, leaf));
  const whole = new Map<string, Buffer>();
  return {
    size,
    keys,
    firstKeys,
    hasCheckpoint,
    rootAt: (at) => (at > size ? undefined : rootOf(hashes, 0, at, whole).toString('base64')),
  };
}

/** M1.2, M1.12: what is hashed of a line without its auth. */
function leafOf(start: string): Buffer {
  const [, salt] = /,"salt":"([\w-]{22})","key_id":"[^"]*","(?:mac|hash)":"$/.exec(start) ?? [];
  if (salt === undefined) return Buffer.from(start, 'latin1');
  const member = start.lastIndexOf('"integrity":{"seq":');
  const head = Buffer.from(start.slice(0, member), 'latin1');
  const commit = createHash('sha256').update('\u0002').update(Buffer.from(salt, 'base64url')).update(head);
  const erased = start.slice(member).replace(`"salt":"${salt}"`, `"commit":"${commit.digest('base64url')}"`);
  return Buffer.from(`{${erased}`, 'latin1');
}

function hashOf(kind: 0 | 1, ...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256').update(Buffer.of(kind));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** RFC 6962, 2.1. `whole`: what is known of full subtrees, which the roots of many sizes share. */
function rootOf(leaves: readonly Buffer[], from: number, to: number, whole: Map<string, Buffer>): Buffer {
  const size = to - from;
  if (size === 0) return createHash('sha256').digest();
  if (size === 1) return leaves[from] as Buffer;
  const known = whole.get(`${from} ${to}`);
  if (known !== undefined) return known;
  let split = 1;
  while (2 * split < size) split *= 2;
  const middle = from + split;
  const root = hashOf(1, rootOf(leaves, from, middle, whole), rootOf(leaves, middle, to, whole));
  whole.set(`${from} ${to}`, root);
  return root;
}
