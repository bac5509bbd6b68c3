import { type Digest, digestBytes } from '../../../src/core/hash.ts';
import { KeySchedule } from '../../../src/core/key-schedule.ts';
import { Frontier, frontierLength, hashLeaf } from '../../../src/core/tree.ts';
import {
  formatCheckpointText,
  formatNote,
  formatSignatureLine,
  parseSignedCheckpoint,
} from '../../../src/format/checkpoint.ts';
import { formatCheckpointLine } from '../../../src/format/entry.ts';
import { noteKeyId, ratchetKeyId } from '../../../src/format/vkey.ts';
import { type Item, kindOf } from './draft.ts';
import type { Holder } from './honest-log.ts';
import {
  authOf,
  checked,
  checksum,
  controlLeaf,
  leafOf,
  lineOf,
  type Members,
  type Said,
  saidBy,
  startOf,
} from './leaf.ts';

/** What somebody who holds keys makes of a changed log: every later entry, root and checkpoint fits the change. */

interface SignerSaid {
  readonly algorithm: 'ed25519';
  readonly spki?: string;
}

interface KeySaid {
  readonly records: 'mac' | 'hash';
  readonly nonce?: string;
  readonly signers?: readonly SignerSaid[];
}

interface Epoch {
  readonly kid: string;
  readonly key: KeySaid;
  readonly schedule: KeySchedule | undefined;
}

interface Sealed {
  readonly size: number;
  readonly root: Digest;
  readonly epoch: Epoch;
  readonly mac: Buffer | undefined;
}

/** What he can do: authenticate with the data key, sign, or neither. */
export interface Powers {
  readonly mac: boolean;
  readonly sign: boolean;
}

/** The state of one stream while its lines go through. */
class Stream {
  origin = '';
  tree = new Frontier();
  epoch: Epoch | undefined;
  announced: Epoch | undefined;
  first = 1;
  step = 0;
  records = 0;
  inFile = 0;
  /** By the size that the old log had. */
  readonly seals = new Map<number, Sealed>();
}

export class Resealer {
  readonly #holder: Holder;
  readonly #powers: Powers;
  readonly #streams = new Map<string, Stream>();
  readonly #byNonce = new Map<string, string>();
  /** Data keys of epochs whose number was changed, by KID. */
  readonly extraKeys: Record<string, string> = {};

  constructor(holder: Holder, powers: Powers) {
    this.#holder = holder;
    this.#powers = powers;
  }

  /** Takes a line as it is. */
  feed(item: Item): void {
    const read = kindOf(item);
    if (read.type !== 'record' && read.type !== 'control') return;
    this.#enter(item.bytes, read.tag, read.seq);
  }

  /** A line again with fitting sizes, roots, auth and signatures. `own`: its members stay as they are. */
  async again(item: Item, renumber: boolean, own: boolean): Promise<Item> {
    const read = kindOf(item);
    if (read.type === 'foreign') return item;
    if (read.type === 'checkpoint') return { file: item.file, bytes: await this.#note(item.bytes, read.note) };
    const stream = this.#stream(read.tag);
    const seq = renumber ? stream.tree.size + 1 : read.seq;
    let start = startOf(item.bytes);
    if (read.type === 'record') {
      const head = start.subarray(0, read.memberStart).toString('latin1');
      const tail = start.subarray(read.memberStart).toString('latin1');
      start = Buffer.from(head + tail.replace(/"seq":\d+/, `"seq":${seq}`), 'latin1');
    } else {
      const said = { ...saidBy(item.bytes), seq };
      start = controlLeaf(own || said.kind !== 'open' ? said : this.#fitting(stream, said));
    }
    return { file: item.file, bytes: this.#finish(start, item.bytes, read.tag, read.seq) };
  }

  /** A new control entry at the end of a stream. */
  append(file: string, tag: string, kind: string, members: Members, kid?: string): Item {
    const stream = this.#stream(tag);
    const said: Said = {
      seq: stream.tree.size + 1,
      kind,
      kid: kid ?? stream.epoch?.kid ?? `${tag}.1`,
      mode: (kind === 'open' ? (members['key'] as KeySaid | undefined) : stream.epoch?.key)?.records ?? 'hash',
      members,
    };
    const leaf = controlLeaf(said);
    const old = lineOf(leaf, checksum(leaf));
    return { file, bytes: this.#finish(leaf, old, tag, said.seq) };
  }

  /** The checkpoint of a stream's newest seal, with what he can sign. */
  async checkpoint(file: string, tag: string): Promise<Item> {
    const stream = this.#stream(tag);
    const sealed = [...stream.seals.values()].at(-1);
    if (sealed === undefined) return { file, bytes: Buffer.alloc(0) };
    const note = await this.#signed(stream, sealed, undefined);
    return { file, bytes: Buffer.from(formatCheckpointLine(note)) };
  }

  /** What the next entries of a stream have to say. */
  facts(tag: string): {
    origin: string;
    size: number;
    frontier: string[];
    step: number;
    first: number;
    inFile: number;
    records: number;
    kid: string;
  } {
    const { origin, tree, step, first, inFile, records, epoch } = this.#stream(tag);
    const frontier = tree.subtrees.map((one) => digestBytes(one).toString('base64url'));
    return { origin, size: tree.size, frontier, step, first, inFile, records, kid: epoch?.kid ?? `${tag}.1` };
  }

  #stream(tag: string): Stream {
    const known = this.#streams.get(tag) ?? new Stream();
    this.#streams.set(tag, known);
    return known;
  }

  #fitting(stream: Stream, said: Said): Said {
    const frontier = stream.tree.subtrees.map((one) => digestBytes(one).toString('base64url'));
    const members: Members = { ...said.members, size: stream.tree.size, frontier };
    const cited = members['checkpoint'] as { size: number } | undefined;
    const sealed = cited && stream.seals.get(cited.size);
    if (sealed) members['checkpoint'] = { size: sealed.size, root: digestBytes(sealed.root).toString('base64url') };
    return { ...said, members };
  }

  #finish(start: Buffer, old: Buffer, tag: string, oldSeq: number): Buffer {
    const provisional = lineOf(start, authOf(old));
    const epoch = this.#enter(provisional, tag, oldSeq, true);
    const mode = /"(mac|hash)":"$/.exec(start.toString('latin1'))?.[1];
    if (mode === 'hash') return checked(start);
    const schedule = epoch?.schedule;
    return this.#powers.mac && schedule !== undefined ? lineOf(start, schedule.auth) : provisional;
  }

  /** Appends a line's leaf, and goes on to the next step or epoch. */
  #enter(line: Buffer, tag: string, oldSeq: number, authenticate = false): { schedule: { auth: string } | undefined } {
    const stream = this.#stream(tag);
    const read = kindOf({ file: '', bytes: line });
    const said = read.type === 'control' ? saidBy(line) : undefined;
    if (said?.kind === 'open') this.#open(stream, said);
    const digest = hashLeaf(leafOf(line));
    stream.tree.append(digest);
    const auth = authenticate ? stream.epoch?.schedule?.authenticate(digest) : undefined;
    if (read.type === 'record') {
      stream.records++;
      stream.inFile++;
    }
    if (said?.kind === 'key')
      stream.announced = this.#epoch(stream, String(said.members['next']), said.members['key'] as KeySaid);
    if (said?.kind === 'seal' || said?.kind === 'close') this.#seal(stream, oldSeq);
    return { schedule: auth === undefined ? undefined : { auth } };
  }

  #open(stream: Stream, said: Said): void {
    stream.origin = String(said.members['origin']);
    stream.inFile = 0;
    const size = Number(said.members['size']);
    const frontier = (said.members['frontier'] ?? []) as string[];
    if (stream.tree.size === 0 && size > 0 && frontier.length === frontierLength(size)) {
      stream.tree = new Frontier(
        size,
        frontier.map((one) => Buffer.from(one, 'base64url').toString('latin1')),
      );
    }
    if (said.members['why'] === 'rotated' && stream.epoch !== undefined) return;
    stream.epoch = this.#epoch(stream, said.kid, said.members['key'] as KeySaid);
    stream.first = said.seq;
    stream.step = 0;
    stream.records = 0;
    stream.announced = undefined;
  }

  #epoch(stream: Stream, kid: string, key: KeySaid | undefined): Epoch {
    const reference: KeySaid = key ?? { records: 'hash' };
    const nonce = reference.nonce ?? '';
    const hex = this.#holder.dataKeys[kid] ?? this.#byNonce.get(nonce);
    const number = Number(kid.split('.')[1]);
    if (reference.records !== 'mac' || hex === undefined || nonce.length !== 43 || !(number > 0)) {
      return { kid, key: reference, schedule: undefined };
    }
    this.#byNonce.set(nonce, hex);
    if (this.#holder.dataKeys[kid] === undefined) this.extraKeys[kid] = hex;
    const context = { nonce: Buffer.from(nonce, 'base64url'), origin: stream.origin, epoch: number };
    return { kid, key: reference, schedule: KeySchedule.derive(Buffer.from(hex, 'hex'), context) };
  }

  #seal(stream: Stream, oldSeq: number): void {
    const { epoch, tree } = stream;
    if (epoch === undefined) return;
    const text = formatCheckpointText({ origin: stream.origin, size: tree.size, root: tree.root() });
    const mac = epoch.schedule?.macCheckpoint(Buffer.from(text));
    stream.seals.set(oldSeq, { size: tree.size, root: tree.root(), epoch, mac });
    epoch.schedule?.advance();
    stream.step++;
    stream.records = 0;
    if (stream.announced === undefined) return;
    stream.epoch = stream.announced;
    stream.announced = undefined;
    stream.first = tree.size + 1;
    stream.step = 0;
  }

  /** A note again, with the root of its size and the signatures that it had; undefined where there is no such seal. */
  async note(note: string): Promise<string | undefined> {
    const read = parseSignedCheckpoint(note);
    const stream = [...this.#streams.values()].find(({ origin }) => origin === read?.origin);
    const sealed = read && stream?.seals.get(read.size);
    if (stream === undefined || sealed === undefined) return undefined;
    return this.#signed(
      stream,
      sealed,
      read?.signatures.map(({ keyId }) => keyId),
    );
  }

  /** The root of a seal or close that has passed. */
  rootOf(origin: string, size: number): Buffer | undefined {
    const stream = [...this.#streams.values()].find((one) => one.origin === origin);
    const sealed = stream?.seals.get(size);
    return sealed && digestBytes(sealed.root);
  }

  async #note(line: Buffer, note: string | undefined): Promise<Buffer> {
    const again = note === undefined ? undefined : await this.note(note);
    return again === undefined ? line : Buffer.from(formatCheckpointLine(again));
  }

  async #signed(stream: Stream, sealed: Sealed, ids: readonly string[] | undefined): Promise<string> {
    const { origin } = stream;
    const text = formatCheckpointText({ origin, size: sealed.size, root: sealed.root });
    const lines: string[] = [];
    const signers = [...(sealed.epoch.key.signers ?? []), ...(stream.epoch?.key.signers ?? [])];
    for (const { algorithm, spki } of new Map(signers.map((one) => [one.spki, one])).values()) {
      if (typeof spki !== 'string') continue; // the change has taken it away
      const id = noteKeyId(origin, { algorithm, bytes: Buffer.from(spki, 'base64url') });
      const sign = this.#holder.signers.get(spki);
      if (sign === undefined || !this.#powers.sign || (ids !== undefined && !ids.includes(id.toString('hex'))))
        continue;
      lines.push(formatSignatureLine(origin, id, await sign(Buffer.from(text))));
    }
    const { schedule } = sealed.epoch;
    if (this.#powers.mac && schedule !== undefined && sealed.mac !== undefined) {
      const id = ratchetKeyId(origin, schedule.fingerprint);
      if (ids === undefined || ids.includes(id.toString('hex')))
        lines.push(formatSignatureLine(origin, id, sealed.mac));
    }
    if (lines.length === 0) lines.push(formatSignatureLine(origin, Buffer.alloc(4, 1), Buffer.alloc(64, 1)));
    return formatNote(text, lines);
  }
}
