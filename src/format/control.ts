import { type Digest, digestBytes, digestFrom } from '../core/hash.ts';
import { encodeBase64url } from './base64.ts';
import { type AuthMember, TAIL_LENGTH } from './entry.ts';
import { formatKeyReference, type KeyReference, readKeyReference } from './key-reference.ts';
import { type MemberProblem, Members } from './members.ts';

/** Control entries (spec 2): their members in their one order and spelling. */

export const OPEN_WHYS = ['new', 'resumed', 'recovered', 'rotated', 'conflict'] as const;
export const GAP_WHYS = ['key_service', 'overflow', 'disk', 'suspended', 'transport'] as const;
export const CLOSE_WHYS = ['rotated', 'shutdown', 'continued'] as const;

/** A size and its root. */
export interface TreeHead {
  readonly size: number;
  readonly root: Digest;
}

/** First line of every file and of every run. */
export interface OpenEntry {
  readonly kind: 'open';
  readonly format: 1;
  readonly origin: string;
  readonly time: string;
  readonly why: (typeof OPEN_WHYS)[number];
  /** SEQ - 1. */
  readonly size: number;
  /** Roots of the complete subtrees, largest first. */
  readonly frontier: readonly Digest[];
  readonly checkpoint?: TreeHead;
  readonly key: KeyReference;
  /** First seq under this key period. */
  readonly epochSeq: number;
  readonly step: number;
  /** What the writer promises: records and seconds between seals, seconds between idle seals. */
  readonly every: { readonly records: number; readonly seconds: number; readonly idleSeconds: number };
  /** What recovery set aside: its length in bytes; writers before salts said its SHA-256 too. */
  readonly torn?: { readonly bytes: number; readonly sha256?: Digest };
  readonly adoptedFrom?: number;
  readonly after?: TreeHead & { readonly origin: string };
}

/** Hand-over to the next key period. */
export interface KeyEntry {
  readonly kind: 'key';
  /** KID of the next key period. */
  readonly next: string;
  readonly key: KeyReference;
}

/** Ends a step: what it covers can no longer be forged by this host. */
export interface SealEntry {
  readonly kind: 'seal';
  readonly step: number;
  readonly time: string;
  /** Record lines since the previous seal, close or run's open. */
  readonly records: number;
  /** The sum of the gaps since then. */
  readonly dropped: number;
}

/** Something was not sealed, or the key service was away. */
export interface GapEntry {
  readonly kind: 'gap';
  readonly dropped: number;
  readonly since: string;
  readonly why: (typeof GAP_WHYS)[number];
}

/** Graceful end of a file or stream; itself a seal. */
export interface CloseEntry {
  readonly kind: 'close';
  readonly step: number;
  readonly time: string;
  /** Record lines since the open before it. */
  readonly records: number;
  readonly firstTime?: string;
  readonly lastTime?: string;
  readonly why: (typeof CLOSE_WHYS)[number];
  /** Origin of the continuing stream, with why continued only. */
  readonly continuedBy?: string;
}

export type ControlEntry = OpenEntry | KeyEntry | SealEntry | GapEntry | CloseEntry;

const hashOf = (digest: Digest): string => encodeBase64url(digestBytes(digest));

function formatOpen(open: OpenEntry): string {
  const { every, torn, after, checkpoint } = open;
  return [
    `"format":${open.format}`,
    `"origin":${JSON.stringify(open.origin)}`,
    `"time":"${open.time}"`,
    `"why":"${open.why}"`,
    `"size":${open.size}`,
    `"frontier":[${open.frontier.map((hash) => `"${hashOf(hash)}"`).join(',')}]`,
    checkpoint && `"checkpoint":{"size":${checkpoint.size},"root":"${hashOf(checkpoint.root)}"}`,
    `"key":${formatKeyReference(open.key)}`,
    `"epoch_seq":${open.epochSeq}`,
    `"step":${open.step}`,
    `"every":{"records":${every.records},"seconds":${every.seconds},"idle_seconds":${every.idleSeconds}}`,
    torn && `"torn":{"bytes":${torn.bytes}${torn.sha256 === undefined ? '' : `,"sha256":"${hashOf(torn.sha256)}"`}}`,
    open.adoptedFrom !== undefined && `"adopted_from":${open.adoptedFrom}`,
    after && `"after":{"origin":${JSON.stringify(after.origin)},"size":${after.size},"root":"${hashOf(after.root)}"}`,
  ]
    .filter(Boolean)
    .join(',');
}

function formatClose(close: CloseEntry): string {
  return [
    `"step":${close.step}`,
    `"time":"${close.time}"`,
    `"records":${close.records}`,
    close.firstTime !== undefined && `"first_time":"${close.firstTime}","last_time":"${close.lastTime}"`,
    `"why":"${close.why}"`,
    close.continuedBy !== undefined && `"then":${JSON.stringify(close.continuedBy)}`,
  ]
    .filter(Boolean)
    .join(',');
}

function formatMembers(entry: ControlEntry): string {
  switch (entry.kind) {
    case 'open':
      return formatOpen(entry);
    case 'key':
      return `"next":"${entry.next}","key":${formatKeyReference(entry.key)}`;
    case 'seal':
      return `"step":${entry.step},"time":"${entry.time}","records":${entry.records},"dropped":${entry.dropped}`;
    case 'gap':
      return `"dropped":${entry.dropped},"since":"${entry.since}","why":"${entry.why}"`;
    case 'close':
      return formatClose(entry);
  }
}

/** The leaf of a control entry: its line without `auth` and `"}}`. */
export function formatControlLeaf(seq: number, entry: ControlEntry, kid: string, member: AuthMember): string {
  return `{"integrity":{"seq":${seq},"kind":"${entry.kind}",${formatMembers(entry)},"key_id":"${kid}","${member}":"`;
}

function readHead(members: Members): TreeHead {
  const head = { size: members.number('size'), root: digestFrom(members.bytes('root', 32)) };
  members.end();
  return head;
}

function readOpen(members: Members): OpenEntry {
  members.format('format', 1);
  const open: OpenEntry = {
    kind: 'open',
    format: 1,
    origin: members.origin('origin'),
    time: members.time('time'),
    why: members.oneOf('why', OPEN_WHYS),
    size: members.number('size'),
    frontier: members.list('frontier').map((item) => digestFrom(members.toBytes('frontier', item, 32))),
    ...(members.has('checkpoint') && { checkpoint: readHead(members.object('checkpoint')) }),
    key: readKeyReference(members.object('key')),
    epochSeq: members.number('epoch_seq'),
    step: members.number('step'),
    every: readEvery(members.object('every')),
    ...(members.has('torn') && { torn: readTorn(members.object('torn')) }),
    ...(members.has('adopted_from') && { adoptedFrom: members.number('adopted_from') }),
    ...(members.has('after') && { after: readAfter(members.object('after')) }),
  };
  return open;
}

function readEvery(members: Members): OpenEntry['every'] {
  const every = {
    records: members.number('records'),
    seconds: members.number('seconds'),
    idleSeconds: members.number('idle_seconds'),
  };
  members.end();
  return every;
}

function readTorn(members: Members): { bytes: number; sha256?: Digest } {
  const bytes = members.number('bytes');
  const torn = { bytes, ...(members.has('sha256') && { sha256: digestFrom(members.bytes('sha256', 32)) }) };
  members.end();
  return torn;
}

function readAfter(members: Members): TreeHead & { origin: string } {
  const origin = members.origin('origin');
  return { origin, ...readHead(members) };
}

function readKey(members: Members): KeyEntry {
  return { kind: 'key', next: members.string('next'), key: readKeyReference(members.object('key')) };
}

function readSeal(members: Members): SealEntry {
  return {
    kind: 'seal',
    step: members.number('step'),
    time: members.time('time'),
    records: members.number('records'),
    dropped: members.number('dropped'),
  };
}

function readGap(members: Members): GapEntry {
  return {
    kind: 'gap',
    dropped: members.number('dropped'),
    since: members.time('since'),
    why: members.oneOf('why', GAP_WHYS),
  };
}

function readClose(members: Members): CloseEntry {
  const close: CloseEntry = {
    kind: 'close',
    step: members.number('step'),
    time: members.time('time'),
    records: members.number('records'),
    ...(members.has('first_time') && { firstTime: members.time('first_time'), lastTime: members.time('last_time') }),
    why: members.oneOf('why', CLOSE_WHYS),
    ...(members.has('then') && { continuedBy: members.origin('then') }),
  };
  members.has('last_time');
  // M2.7
  if ((close.continuedBy !== undefined) !== (close.why === 'continued'))
    members.malformed('"then" goes only with why continued');
  return close;
}

const readers: Readonly<Record<string, (members: Members) => ControlEntry>> = {
  open: readOpen,
  key: readKey,
  seal: readSeal,
  gap: readGap,
  close: readClose,
};

/** What the members of a control line say, or why they cannot be taken. */
export type ControlReading = { readonly entry: ControlEntry } | { readonly problem: MemberProblem };

/**
 * M2.1: Reads the members of a control line that was classified as one. A known kind is accepted only in its one spelling: it
 * must format back to the line it came from (spec 8.3).
 */
export function readControl(line: Buffer, seq: number, kind: string, kid: string, member: AuthMember): ControlReading {
  const reader = Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  if (reader === undefined) return { problem: { code: 'UNSUPPORTED', message: `kind ${JSON.stringify(kind)}` } };
  const text = line.toString('utf8');
  const members = new Members((JSON.parse(text) as { integrity?: unknown }).integrity);
  for (const name of ['seq', 'kind', 'key_id', member]) members.has(name);
  const entry = reader(members);
  members.end();
  if (members.problem !== undefined) return { problem: members.problem };
  if (text.slice(0, -TAIL_LENGTH) !== formatControlLeaf(seq, entry, kid, member)) {
    return { problem: { code: 'CONTROL_MALFORMED', message: `${kind} is not in its only valid spelling` } };
  }
  return { entry };
}
