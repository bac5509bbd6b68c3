import { createHash, hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type Digest, digestBytes } from '../../src/core/hash.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { encodeBase64 } from '../../src/format/base64.ts';
import {
  formatCheckpointText,
  formatNote,
  formatSignatureLine,
  parseSignedCheckpoint,
} from '../../src/format/checkpoint.ts';
import { type CloseEntry, type ControlEntry, formatControlLeaf, type OpenEntry } from '../../src/format/control.ts';
import {
  type AuthMember,
  classifyLine,
  formatCheckpointLine,
  formatRecordMember,
  type RecordLine,
  SALT_LENGTH,
} from '../../src/format/entry.ts';
import { type Erasure, formatErasure } from '../../src/format/erasure.ts';
import type { KeyReference } from '../../src/format/key-reference.ts';
import { commitmentOf, saltedLeaf } from '../../src/format/leaf.ts';
import { kidOf } from '../../src/format/origin.ts';
import { inputForm, recordHead } from '../../src/format/record.ts';
import { ratchetKeyId } from '../../src/format/vkey.ts';
import type { Manifest } from '../../src/index.ts';
import { fixedBytes, logSignatureLine, type SigningKey } from './signing-keys.ts';
import type { Cosigning } from './witness-keys.ts';

/** What a key period of a made-up log is sealed with: a data key, signers, or both. */
export interface EpochKeys {
  readonly dataKey?: Buffer;
  readonly signers?: readonly SigningKey[];
  /** They sign after the signers, and stand nowhere in the log (M4.11). */
  readonly notes?: readonly SigningKey[];
  /** Each record has a salt (M1.12). */
  readonly salted?: true;
}

/** One line of the log, without LF. Tests spoil them in place. */
export interface LogLine {
  file: string;
  bytes: Buffer;
  readonly kind: string;
  readonly seq?: number;
}

interface Epoch {
  readonly number: number;
  readonly firstSeq: number;
  readonly keys: EpochKeys;
  readonly reference: KeyReference;
  readonly schedule: KeySchedule | undefined;
}

/** A seal or close that has passed: what its checkpoint says, with every signature that it can carry. */
export interface Sealed {
  readonly size: number;
  readonly root: Digest;
  readonly text: string;
  readonly epoch: Epoch;
  readonly mac: Buffer | undefined;
  readonly successor: EpochKeys | undefined;
}

/** What may be said otherwise than a right writer would. */
export interface Forgery {
  readonly seq?: number;
  readonly kid?: string;
  readonly member?: AuthMember;
  readonly auth?: string;
  /** Another salt than its seq gives, or none. */
  readonly salt?: string | undefined;
  /** Changes the leaf before it is authenticated: what a writer with the key can do. */
  readonly leaf?: (leaf: string) => string;
}

export interface CheckpointChoice {
  readonly size?: number;
  readonly root?: Digest;
  readonly signers?: readonly SigningKey[];
  readonly mac?: boolean;
  readonly origin?: string;
  /** Who cosigned the note, and when, in seconds since 1970. */
  readonly witnesses?: readonly Cosigning[];
}

const base64 = (root: Digest): string => encodeBase64(digestBytes(root));
const START = Date.parse('2026-11-24T23:00:00.000Z');

/**
 * A writer for tests and vectors: it makes logs from the core and the format alone, byte for byte the same each time, and
 * is free to break every rule of the format.
 */
export class SealedLog {
  readonly origin: string;
  lines: LogLine[] = [];
  /** Milliseconds since 1970; each control entry takes one second. */
  clock: number = START;
  file = 'log.jsonl';
  every: OpenEntry['every'] = { records: 1000, seconds: 60, idleSeconds: 300 };
  tree: Frontier = new Frontier();
  epoch: Epoch | undefined;
  step = 0;
  highestEpoch = 0;
  seals: Sealed[] = [];
  leaves: Digest[] = [];
  #announced: Epoch | undefined;
  #recordsSinceSeal = 0;
  #recordsSinceOpen = 0;
  #droppedSinceSeal = 0;
  /** Largest size with a checkpoint line that a writer would cite. */
  #published: { size: number; root: Digest } | undefined;

  constructor(origin = 'audit.example.com/vectors/a') {
    this.origin = origin;
  }

  get size(): number {
    return this.tree.size;
  }

  /** The KID of the key period in force. */
  get kid(): string {
    return kidOf(this.origin, this.epoch?.number ?? 0);
  }

  get lastSeal(): Sealed {
    const seal = this.seals.at(-1);
    if (seal === undefined) throw new Error('the log holds no seal yet');
    return seal;
  }

  /** An independent copy that goes on from here. */
  fork(): SealedLog {
    const copy = new SealedLog(this.origin);
    copy.lines = this.lines.map((line) => ({ ...line, bytes: Buffer.from(line.bytes) }));
    copy.clock = this.clock;
    copy.file = this.file;
    copy.every = this.every;
    copy.tree = this.tree.clone();
    copy.epoch = this.epoch && { ...this.epoch, schedule: this.epoch.schedule?.clone() };
    copy.step = this.step;
    copy.highestEpoch = this.highestEpoch;
    copy.seals = [...this.seals];
    copy.leaves = [...this.leaves];
    copy.#announced = this.#announced && { ...this.#announced, schedule: this.#announced.schedule?.clone() };
    copy.#recordsSinceSeal = this.#recordsSinceSeal;
    copy.#recordsSinceOpen = this.#recordsSinceOpen;
    copy.#droppedSinceSeal = this.#droppedSinceSeal;
    copy.#published = this.#published;
    return copy;
  }

  /** The first entry of a run, in a key period of its own. */
  open(keys: EpochKeys, says: Partial<OpenEntry> & { readonly epoch?: number } = {}, forgery: Forgery = {}): this {
    const { epoch = this.highestEpoch + 1, ...members } = says;
    const seq = this.size + 1;
    const before = this.epoch;
    this.#announced = undefined; // a crash burned it (M5.2)
    this.epoch = this.#newEpoch(epoch, seq, keys);
    this.step = 0;
    const signed = [...(keys.signers ?? []), ...(before?.keys.signers ?? [])].length > 0;
    const adopts = signed && this.size > 0 && (this.#published?.size ?? 0) < this.size;
    const entry: OpenEntry = {
      ...this.#openMembers(this.size === 0 ? 'new' : 'recovered'),
      ...(this.#published && { checkpoint: this.#published }),
      ...(adopts && { adoptedFrom: (this.#published?.size ?? 0) + 1 }),
      ...members,
    };
    this.#recordsSinceSeal = 0;
    this.#droppedSinceSeal = 0;
    this.#recordsSinceOpen = 0;
    return this.control(entry, forgery);
  }

  /** The first entry of a next file of the same run. */
  rotate(file: string, says: Partial<OpenEntry> = {}, forgery: Forgery = {}): this {
    this.file = file;
    this.#recordsSinceOpen = 0;
    const checkpoint = this.#published && { checkpoint: this.#published };
    return this.control({ ...this.#openMembers('rotated'), ...checkpoint, ...says }, forgery);
  }

  /** Application lines, each as a writer would take it. */
  record(...inputs: (string | Buffer)[]): this {
    for (const input of inputs) {
      const line = typeof input === 'string' ? Buffer.from(input, 'utf8') : input;
      const form = inputForm(line);
      this.recordAs(recordHead(line, form), form === 'object' ? undefined : form);
    }
    return this;
  }

  /** A record of any head, with any marks. */
  recordAs(head: Buffer | string, as?: 'text' | 'base64', part?: number, last = false, forgery: Forgery = {}): this {
    const seq = forgery.seq ?? this.size + 1;
    const salt = 'salt' in forgery ? forgery.salt : this.epoch?.keys.salted && this.#saltOf(seq);
    const record = {
      ...{ seq, as, part, last },
      kid: forgery.kid ?? this.kid,
      member: forgery.member ?? this.#member(),
    };
    const before = Buffer.from(head);
    this.#recordsSinceSeal++;
    this.#recordsSinceOpen++;
    const start = Buffer.concat([before, Buffer.from(formatRecordMember({ ...record, salt }))]);
    if (salt === undefined) return this.#entry('record', start, forgery);
    return this.#entry('record', start, forgery, saltedLeaf(record, salt, before, 0, before.length));
  }

  /** One input line as consecutive parts of at most `length` bytes. */
  longRecord(line: Buffer, length: number): this {
    const parts = Math.ceil(line.length / length);
    for (let part = 1; part <= parts; part++) {
      const piece = line.subarray((part - 1) * length, part * length);
      this.recordAs(`{"line":"${piece.toString('base64')}",`, 'base64', part, part === parts);
    }
    return this;
  }

  seal(says: { step?: number; time?: string; records?: number; dropped?: number } = {}, forgery: Forgery = {}): this {
    const entry: ControlEntry = {
      kind: 'seal',
      step: this.step,
      time: this.#now(),
      records: this.#recordsSinceSeal,
      dropped: this.#droppedSinceSeal,
      ...says,
    };
    this.control(entry, forgery);
    this.#endStep();
    return this;
  }

  gap(dropped: number, why: 'key_service' | 'overflow' | 'disk' | 'suspended' | 'transport' = 'overflow'): this {
    this.#droppedSinceSeal += dropped;
    return this.control({ kind: 'gap', dropped, since: this.#now(), why });
  }

  close(why: CloseEntry['why'] = 'shutdown', says: Partial<CloseEntry> = {}, forgery: Forgery = {}): this {
    const records = this.#recordsSinceOpen;
    const time = this.#now();
    const entry: CloseEntry = {
      kind: 'close',
      step: this.step,
      time,
      records,
      ...(records > 0 && { firstTime: time, lastTime: time }),
      why,
      ...(why === 'continued' && { continuedBy: `${this.origin}/next` }),
      ...says,
    };
    this.control(entry, forgery);
    this.#endStep();
    return this;
  }

  /** Hand-over: the key entry of the next key period. Its seal is left to the caller. */
  key(keys: EpochKeys, says: { epoch?: number; next?: string } = {}, forgery: Forgery = {}): this {
    const epoch = says.epoch ?? this.highestEpoch + 1;
    this.#announced = this.#newEpoch(epoch, this.size + 3, keys);
    const next = says.next ?? kidOf(this.origin, epoch);
    return this.control({ kind: 'key', next, key: this.#announced.reference }, forgery);
  }

  /** Key entry, its seal and the checkpoint: a whole hand-over. */
  handOver(keys: EpochKeys): this {
    return this.key(keys).seal().checkpoint();
  }

  /** A checkpoint line of the newest seal, with every signature that a right writer gives it. */
  checkpoint(choice: CheckpointChoice = {}): this {
    const sealed = this.#sealed(choice.size);
    const signers = choice.signers ?? [
      ...(sealed.epoch.keys.signers ?? []),
      ...(sealed.epoch.keys.notes ?? []),
      ...(sealed.successor?.signers ?? []).filter((key) => !sealed.epoch.keys.signers?.includes(key)),
    ];
    const published = signers.length > 0 || (sealed.epoch.keys.signers ?? []).length === 0;
    if (published && (this.#published?.size ?? 0) < sealed.size) {
      this.#published = { size: sealed.size, root: sealed.root };
    }
    return this.raw(formatCheckpointLine(this.note({ ...choice, signers })), 'checkpoint');
  }

  /** A signed note as {@link checkpoint} would write it. */
  note(choice: CheckpointChoice = {}): string {
    const sealed = this.#sealed(choice.size);
    const origin = choice.origin ?? this.origin;
    const size = choice.size ?? sealed.size;
    const text = formatCheckpointText({ origin, size, root: choice.root ?? sealed.root });
    const { keys } = sealed.epoch;
    const signers = choice.signers ?? [...(keys.signers ?? []), ...(keys.notes ?? [])];
    const lines = signers.map((key) => logSignatureLine(key, text));
    const { schedule } = sealed.epoch;
    if (choice.mac !== false && sealed.mac !== undefined && schedule !== undefined) {
      lines.push(formatSignatureLine(origin, ratchetKeyId(origin, schedule.fingerprint), sealed.mac));
    }
    for (const { witness, time } of choice.witnesses ?? []) lines.push(witness.cosign(text, time));
    return formatNote(text, lines);
  }

  /** Any line at all. */
  raw(bytes: Buffer | string, kind = 'raw'): this {
    this.lines.push({ file: this.file, bytes: Buffer.from(bytes), kind });
    return this;
  }

  /** A control entry. */
  control(entry: ControlEntry, forgery: Forgery = {}): this {
    const seq = forgery.seq ?? this.size + 1;
    const leaf = formatControlLeaf(seq, entry, forgery.kid ?? this.kid, forgery.member ?? this.#member());
    return this.#entry(entry.kind, Buffer.from(leaf, 'utf8'), forgery);
  }

  /** A control entry whose members are any text. */
  controlText(kind: string, members: string, forgery: Forgery = {}): this {
    const seq = forgery.seq ?? this.size + 1;
    const leaf = `{"integrity":{"seq":${seq},"kind":"${kind}",${members}"key_id":"${this.kid}","${this.#member()}":"`;
    return this.#entry(kind, Buffer.from(leaf, 'utf8'), forgery);
  }

  /** Ends a step without an entry of its own, after one that stands for a seal. */
  endStep(): this {
    this.#endStep();
    return this;
  }

  /** The bytes of each file, in the order in which they were begun. */
  toFiles(): { name: string; bytes: Buffer }[] {
    const files = new Map<string, Buffer[]>();
    for (const { file, bytes } of this.lines) {
      const parts = files.get(file) ?? [];
      parts.push(bytes, Buffer.from('\n'));
      files.set(file, parts);
    }
    return [...files].map(([name, parts]) => ({ name, bytes: Buffer.concat(parts) }));
  }

  /** The manifest of a file that ends with a close, of which these are the lines; `after` is what its stream continues. */
  manifestOf(
    file: string,
    lines: readonly LogLine[] = this.lines,
    after?: { readonly origin: string; readonly size: number; readonly root: Digest },
  ): Manifest {
    const whole = Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
    const entries = lines.filter(({ seq }) => seq !== undefined);
    const [first = 1, last = 1] = [entries[0]?.seq, entries.at(-1)?.seq];
    const sealed = (size: number): Sealed | undefined => this.seals.findLast((one) => one.size === size);
    const { epoch, root } = sealed(last) ?? this.lastSeal;
    const before = first > 1 ? { origin: this.origin, size: first - 1, root: sealed(first - 1)?.root } : after;
    const checkpoint = this.note({ size: last });
    const told = (line: LogLine | undefined, member: string): string | undefined =>
      new RegExp(`"${member}":"([^"]+)"`).exec(line?.bytes.toString() ?? '')?.[1];
    const close = lines.findLast(({ kind }) => kind === 'close');
    const [firstTime, lastTime] = [told(close, 'first_time'), told(close, 'last_time')];
    return {
      version: 1,
      origin: this.origin,
      file,
      created_ts: told(entries[0], 'time') ?? '',
      closed_ts: told(close, 'time') ?? '',
      record_count: lines.filter(({ kind }) => kind === 'record').length,
      first_seq: first,
      last_seq: last,
      ...(firstTime !== undefined && { first_ts: firstTime }),
      ...(lastTime !== undefined && { last_ts: lastTime }),
      size: last,
      root: base64(root),
      algo: epoch.reference.records === 'mac' ? 'hmac-sha256' : 'sha256',
      key_id: kidOf(this.origin, epoch.number),
      ...(before?.root !== undefined && { continues_from: { ...before, root: base64(before.root) } }),
      bytes: whole.length,
      sha256: createHash('sha256').update(whole).digest('hex'),
      checkpoint,
      signature_algo: epoch.keys.signers?.[0]?.signer.algorithm ?? 'ratchet-hmac-sha256',
      signature: parseSignedCheckpoint(checkpoint)?.signatures[0]?.bytes.toString('base64') ?? '',
    };
  }

  /** The auth that the key period in force gives a leaf. */
  authOf(leaf: Uint8Array): string {
    const digest = hashLeaf(leaf);
    return this.epoch?.schedule?.authenticate(digest) ?? digestBytes(digest).toString('base64url');
  }

  #sealed(size: number | undefined): Sealed {
    const sealed = size === undefined ? this.lastSeal : this.seals.find((one) => one.size === size);
    if (sealed === undefined) throw new Error(`entry ${size} is neither seal nor close`);
    return sealed;
  }

  #member(): AuthMember {
    return this.epoch?.reference.records ?? 'mac';
  }

  #now(): string {
    this.clock += 1000;
    return new Date(this.clock).toISOString();
  }

  #openMembers(why: OpenEntry['why']): OpenEntry {
    const { epoch } = this;
    if (epoch === undefined) throw new Error('an open stands in a key period');
    return {
      kind: 'open',
      format: 1,
      origin: this.origin,
      time: this.#now(),
      why,
      size: this.size,
      frontier: [...this.tree.subtrees],
      key: epoch.reference,
      epochSeq: epoch.firstSeq,
      step: this.step,
      every: this.every,
    };
  }

  #newEpoch(number: number, firstSeq: number, keys: EpochKeys): Epoch {
    this.highestEpoch = Math.max(this.highestEpoch, number);
    const signers = (keys.signers ?? []).map((key) => key.signer);
    const salted = keys.salted && { salted: keys.salted };
    if (keys.dataKey === undefined) {
      return { number, firstSeq, keys, reference: { records: 'hash', ...salted, signers }, schedule: undefined };
    }
    const nonce = fixedBytes(`nonce of ${kidOf(this.origin, number)} from ${firstSeq}`);
    const schedule = KeySchedule.derive(keys.dataKey, { nonce, origin: this.origin, epoch: number });
    const reference: KeyReference = {
      records: 'mac',
      ...salted,
      source: 'env',
      identity: 'audit',
      nonce,
      fp: schedule.fingerprint,
      ...(signers.length > 0 && { signers }),
    };
    return { number, firstSeq, keys, reference, schedule };
  }

  #saltOf(seq: number): string {
    return fixedBytes(`salt ${this.origin} ${seq}`).toString('base64url', 0, SALT_LENGTH);
  }

  /** @param leaf - where it is not what the line begins with */
  #entry(kind: string, start: Buffer, forgery: Forgery, leaf?: Buffer): this {
    const changed = forgery.leaf === undefined ? start : Buffer.from(forgery.leaf(start.toString('utf8')), 'utf8');
    const auth = forgery.auth ?? this.authOf(leaf ?? changed);
    const digest = hashLeaf(leaf ?? changed);
    this.tree.append(digest);
    this.leaves.push(digest);
    const bytes = Buffer.concat([changed, Buffer.from(`${auth}"}}`)]);
    this.lines.push({ file: this.file, bytes, kind, seq: forgery.seq ?? this.size });
    return this;
  }

  #endStep(): void {
    const { epoch } = this;
    if (epoch === undefined) return;
    const size = this.size;
    const root = this.tree.root();
    const text = formatCheckpointText({ origin: this.origin, size, root });
    const mac = epoch.schedule?.macCheckpoint(Buffer.from(text, 'utf8'));
    this.seals.push({ size, root, text, epoch, mac, successor: this.#announced?.keys });
    epoch.schedule?.advance();
    this.step++;
    this.#recordsSinceSeal = 0;
    this.#droppedSinceSeal = 0;
    if (this.#announced !== undefined) {
      this.epoch = this.#announced;
      this.#announced = undefined;
      this.step = 0;
    }
  }
}

const lineOf = (log: SealedLog, seq: number): { bytes: Buffer; readonly file: string } => {
  const line = log.lines.find((one) => one.seq === seq);
  if (line === undefined) throw new Error(`no entry ${seq}`);
  return line;
};

/** C of a record (M1.12), as it stands or erased; of one without a salt, with one of zeros. */
export function commitOf(line: Buffer): string {
  const { salt = 'A'.repeat(22), commit, memberStart } = classifyLine(line) as RecordLine;
  return commit ?? commitmentOf(salt, line, 0, memberStart);
}

/** The line that is left of a record (M1.13); `commit`: of another one. */
export function erasedLine(line: Buffer, commit: string = commitOf(line)): Buffer {
  const { memberStart: _, auth, tag, epoch, ...member } = classifyLine(line) as RecordLine;
  const start = formatRecordMember({ ...member, salt: undefined, kid: `${tag}.${epoch}`, commit });
  return Buffer.from(`{${start}${auth}"}}`);
}

/** Erases records, as anybody can who may write to the file. */
export function erase(log: SealedLog, ...seqs: number[]): SealedLog {
  for (const seq of seqs) {
    const line = lineOf(log, seq);
    line.bytes = erasedLine(line.bytes);
  }
  return log;
}

/** Writes the files of a log, each under its name behind `PREFIX-`. @returns their paths */
export function writeLog(log: SealedLog, prefix: string): string[] {
  return log.toFiles().map(({ name, bytes }) => {
    writeFileSync(`${prefix}-${name}`, bytes);
    return `${prefix}-${name}`;
  });
}

/** What is recorded of an entry of a log. */
export function erasureOf(log: SealedLog, seq: number, more: Partial<Erasure> = {}): Erasure {
  const { bytes, file } = lineOf(log, seq);
  return {
    erased: { origin: log.origin, seq, commit: commitOf(bytes) },
    reason: 'case 4711',
    who: 'ada@example.com',
    time: '2026-11-24T23:30:00.000Z',
    file: { name: file, before: hash('sha256', 'before'), after: hash('sha256', 'after') },
    storage: 'in-place',
    ...more,
  };
}

/** Records erasures in an erasure log, signed. */
export function recordErasures(erasures: SealedLog, log: SealedLog, ...seqs: number[]): SealedLog {
  return erasures
    .record(...seqs.map((seq) => formatErasure(erasureOf(log, seq))))
    .seal()
    .checkpoint();
}
