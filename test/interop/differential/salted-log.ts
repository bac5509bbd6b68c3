import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type HonestLog, type LogFile, linesOf, plainOf } from './honest-log.ts';
import { authOf, classified, controlLeaf, lineOf, type Members, saidBy } from './leaf.ts';
import type { Random } from './random.ts';
import { Resealer } from './reseal.ts';
import { randomSalt, withSalt, withText } from './salted.ts';

/** The log that the same writer would have made with salts (spec 1, M1.12): a random half of its key periods has them. */
export function saltedLog(random: Random, log: HonestLog): Promise<HonestLog> {
  const chosen = new Map<string, boolean>();
  const isSalted = (kid: string): boolean => {
    const salted = chosen.get(kid) ?? random.chance(0.5);
    chosen.set(kid, salted);
    return salted;
  };
  return rewrittenLog(log, (line) => {
    const read = classified(line);
    if (read.type === 'record') {
      const salt = isSalted(`${read.tag}.${read.epoch}`);
      return (salt ? withSalt(line, randomSalt(random)) : withText(line, '')) ?? line;
    }
    const kid = introducedBy(line);
    return kid === undefined ? line : withSaltedKey(line, isSalted(kid));
  });
}

/** The KID of the key reference in an open or `key`. */
export function introducedBy(line: Buffer): string | undefined {
  if (classified(line).type !== 'control') return undefined;
  const { kind, kid, members } = saidBy(line);
  return kind === 'open' ? kid : kind === 'key' ? String(members['next']) : undefined;
}

/** An open or `key` whose key reference is salted or not; its auth is the old one. */
export function withSaltedKey(line: Buffer, salted: boolean): Buffer {
  const said = saidBy(line);
  const { records, salted: _old, ...rest } = said.members['key'] as Members;
  const key = { records, ...(salted && { salted }), ...rest };
  return lineOf(controlLeaf({ ...said, members: { ...said.members, key } }), authOf(line));
}

/** A log with other lines, and all that rests on them as its writer would have made it: manifests too. */
async function rewrittenLog(log: HonestLog, change: (line: Buffer) => Buffer): Promise<HonestLog> {
  const resealer = new Resealer(log.holder, { mac: true, sign: true });
  const written = new Map<LogFile, Buffer[]>();
  for (const old of log.files) {
    // a crash left a file beside its compressed copy: its lines were written once
    const copied = [...written].find(([other]) => plainOf(other.bytes).equals(plainOf(old.bytes)));
    if (copied !== undefined) {
      written.set(old, copied[1]);
      continue;
    }
    const lines: Buffer[] = [];
    for (const line of wholeLines(old.bytes)) {
      const item = { file: old.name, bytes: citing(change(line), resealer) };
      lines.push((await resealer.again(item, false, false)).bytes);
    }
    written.set(old, lines);
  }
  const files = log.files.map((old) => {
    const { name } = old;
    const plain = plainOf(old.bytes);
    const rest = plain.subarray(plain.lastIndexOf(10) + 1); // what a crash has torn
    const again = Buffer.concat([joined(written.get(old) ?? []), rest]);
    return { name, bytes: name.endsWith('.gz') ? gzipSync(again, { level: 1 }) : again };
  });
  const manifests: LogFile[] = [];
  for (const manifest of log.manifests) {
    const name = manifest.name.replace(/\.manifest\.json$/, '');
    const old = log.files.find((file) => file.name === name || file.name === `${name}.gz`);
    const again = old && (await rewrittenManifest(manifest, old, written.get(old) ?? [], resealer));
    if (again !== undefined) manifests.push(again);
  }
  return { ...log, files, manifests };
}

const joined = (lines: readonly Buffer[]): Buffer => Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));

function wholeLines(bytes: Buffer): Buffer[] {
  const lines = linesOf(bytes);
  return plainOf(bytes).at(-1) === 10 ? lines : lines.slice(0, -1);
}

/** An open whose `after` has the root that the stream before it has now. */
function citing(line: Buffer, resealer: Resealer): Buffer {
  if (classified(line).type !== 'control') return line;
  const said = saidBy(line);
  const after = said.members['after'] as { origin: string; size: number } | undefined;
  const root = after && resealer.rootOf(after.origin, after.size)?.toString('base64url');
  if (root === undefined) return line;
  return lineOf(controlLeaf({ ...said, members: { ...said.members, after: { ...after, root } } }), authOf(line));
}

interface ManifestSaid {
  readonly origin: string;
  readonly size: number;
  readonly bytes: number;
  readonly checkpoint: string;
  readonly continues_from?: { readonly origin: string; readonly size: number };
}

async function rewrittenManifest(
  manifest: LogFile,
  old: LogFile,
  lines: readonly Buffer[],
  resealer: Resealer,
): Promise<LogFile | undefined> {
  const said = JSON.parse(manifest.bytes.toString('utf8')) as ManifestSaid;
  const before = said.continues_from;
  const note = await resealer.note(said.checkpoint);
  const root = resealer.rootOf(said.origin, said.size);
  const rootBefore = before && resealer.rootOf(before.origin, before.size);
  if (note === undefined || root === undefined || (before !== undefined && rootBefore === undefined)) return undefined;
  const count = linesOf(plainOf(old.bytes).subarray(0, said.bytes)).length;
  const covered = joined(lines.slice(0, count));
  const signature = note.split('\n')[4]?.split(' ')[2] ?? '';
  const again = {
    ...said,
    root: root.toString('base64'),
    ...(before && { continues_from: { ...before, root: rootBefore?.toString('base64') } }),
    bytes: covered.length,
    sha256: createHash('sha256').update(covered).digest('hex'),
    checkpoint: note,
    signature: Buffer.from(signature, 'base64').subarray(4).toString('base64'),
  };
  return { ...manifest, bytes: Buffer.from(`${JSON.stringify(again, undefined, 2)}\n`) };
}
