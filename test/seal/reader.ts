import { readFileSync } from 'node:fs';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { isMlDsa, mlDsaPublicKey } from '../../src/core/ml-dsa.ts';
import { Frontier } from '../../src/core/tree.ts';
import { parseSignedCheckpoint } from '../../src/format/checkpoint.ts';
import { type ControlEntry, type OpenEntry, readControl } from '../../src/format/control.ts';
import { classifyLine } from '../../src/format/entry.ts';
import { type KeyReference, noteKeyOf, signersOf } from '../../src/format/key-reference.ts';
import { leafOf } from '../../src/format/leaf.ts';
import { unwrapRecord } from '../../src/format/record.ts';
import { noteKeyId, ratchetKeyId } from '../../src/format/vkey.ts';
import type { SignatureAlgorithm } from '../../src/index.ts';
import { verifyClassical } from '../../src/keys/signature.ts';
import { cosignedStructure } from '../support/signing-keys.ts';

/** A checkpoint line as the small reader found it. */
export interface ReadCheckpoint {
  size: number;
  signed: boolean;
  mac: boolean;
}

/** What the small reader found; it throws where a stream contradicts spec 1 to 5. */
export interface ReadStream {
  lines: string[];
  entries: (ControlEntry | { kind: 'record'; line: string })[];
  opens: OpenEntry[];
  checkpoints: ReadCheckpoint[];
  size: number;
}

/** The key references that the files of a stream announce, by KID. Nothing is checked. */
export function keyReferences(files: string[]): Map<string, { key: KeyReference; origin: string }> {
  const references = new Map<string, { key: KeyReference; origin: string }>();
  let origin = '';
  for (const file of files) {
    for (const text of readFileSync(file, 'utf8').split('\n')) {
      const line = Buffer.from(text);
      const read = classifyLine(line);
      if (read.type !== 'control') continue;
      const kid = `${read.tag}.${read.epoch}`;
      const reading = readControl(line, read.seq, read.kind, kid, read.member);
      if (!('entry' in reading)) continue;
      if (reading.entry.kind === 'open') {
        origin = reading.entry.origin;
        references.set(kid, { key: reading.entry.key, origin });
      }
      if (reading.entry.kind === 'key') references.set(reading.entry.next, { key: reading.entry.key, origin });
    }
  }
  return references;
}

function isGood(algorithm: SignatureAlgorithm, spki: Buffer, text: Buffer, value: Buffer): boolean {
  if (algorithm === 'ml-dsa-44') {
    const line = text.toString('utf8');
    const message = cosignedStructure(line.slice(0, line.indexOf('\n')), 0n, line);
    return value.readBigUInt64BE(0) === 0n && isPlain(algorithm, spki, message, value.subarray(8));
  }
  return isPlain(algorithm, spki, text, value);
}

function isPlain(algorithm: SignatureAlgorithm, spki: Buffer, text: Buffer, signature: Buffer): boolean {
  if (!isMlDsa(algorithm)) return verifyClassical(algorithm, spki, text, signature);
  const noble = algorithm === 'ml-dsa-44' ? ml_dsa44 : ml_dsa65;
  return noble.verify(new Uint8Array(signature), new Uint8Array(text), new Uint8Array(mlDsaPublicKey(algorithm, spki)));
}

/** Seq of a file's first entry, 0 in an empty one. */
export function firstSeq(file: string): number {
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    const read = classifyLine(Buffer.from(text));
    if (read.type === 'control' || read.type === 'record') return read.seq;
  }
  return 0;
}

/** Reads the files of one stream again, from nothing but the format layer, and checks every number and hash in it. */
export function readStream(
  files: string[],
  dataKey: (kid: string, key: KeyReference) => Buffer | undefined,
): ReadStream {
  const result: ReadStream = { lines: [], entries: [], opens: [], checkpoints: [], size: 0 };
  const tree = new Frontier();
  const seals = new Map<number, { root: string; key: KeyReference; epoch: number; mac: Map<string, Buffer> }>();
  let origin = '';
  let epoch = 0;
  let key: KeyReference | undefined;
  let schedule: KeySchedule | undefined;
  let step = 0;
  let sinceSeal = 0;
  let dropped = 0;
  let sinceOpen = 0;
  let handover: { epoch: number; key: KeyReference } | undefined;
  let limit = 0;
  const fail = (line: Buffer, why: string): never => {
    throw new Error(`${why}: ${line.toString('utf8').slice(0, 300)}`);
  };
  const enter = (number: number, reference: KeyReference): void => {
    epoch = number;
    key = reference;
    step = 0;
    schedule = undefined;
    if (reference.records !== 'mac') return;
    const material = dataKey(`${tag()}.${number}`, reference);
    if (material === undefined) return;
    schedule = KeySchedule.derive(material, { nonce: reference.nonce, origin, epoch: number });
    if (!schedule.fingerprint.equals(reference.fp)) throw new Error('the fingerprint does not fit');
  };
  const tag = (): string => digestBytes(sha256(origin)).toString('base64url').slice(0, 8);
  for (const file of files) {
    const bytes = readFileSync(file);
    if (bytes.length > 0 && bytes[bytes.length - 1] !== 10) throw new Error(`${file} ends in half a line`);
    for (let from = 0, lf = bytes.indexOf(10); lf >= 0; from = lf + 1, lf = bytes.indexOf(10, from)) {
      const line = bytes.subarray(from, lf);
      if (line.length === 0) continue;
      const read = classifyLine(line);
      if (read.type === 'foreign') return fail(line, 'foreign line');
      if (read.type === 'checkpoint') {
        const note = parseSignedCheckpoint(read.note ?? '') ?? fail(line, 'malformed note');
        const seal = seals.get(note.size) ?? fail(line, 'checkpoint of no seal');
        if (seal.root !== note.root || note.origin !== origin) fail(line, 'wrong root or origin');
        const text = Buffer.from(note.text);
        let signed = false;
        let mac = false;
        for (const { keyId, bytes: value } of note.signatures) {
          for (const signer of signersOf(seal.key)) {
            if (noteKeyId(origin, noteKeyOf(signer)).toString('hex') !== keyId || signer.spki === undefined) continue;
            if (!isGood(signer.algorithm, signer.spki, text, value)) fail(line, 'wrong signature');
            signed = true;
          }
          if (seal.key.records === 'mac' && ratchetKeyId(origin, seal.key.fp).toString('hex') === keyId) {
            const expected = seal.mac.get(note.text);
            if (expected !== undefined && !expected.equals(value)) fail(line, 'wrong checkpoint MAC');
            mac = true;
          }
        }
        result.checkpoints.push({ size: note.size, signed, mac });
        continue;
      }
      if (read.seq !== tree.size + 1) fail(line, `seq ${read.seq} where ${tree.size + 1} is due`);
      let entry: ControlEntry | undefined;
      if (read.type === 'control') {
        const reading = readControl(line, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
        entry = 'entry' in reading ? reading.entry : fail(line, reading.problem.message);
      }
      if (entry?.kind === 'open') {
        origin = entry.origin;
        if (entry.size !== tree.size || entry.frontier.join() !== tree.subtrees.join()) fail(line, 'open contradicts');
        if (entry.why === 'rotated') {
          if (entry.step !== step || read.epoch !== epoch) fail(line, 'rotated open with another step or epoch');
        } else {
          if (read.epoch <= epoch || entry.epochSeq !== read.seq || entry.step !== 0)
            fail(line, 'wrong start of a run');
          enter(read.epoch, entry.key);
          sinceSeal = 0;
          dropped = 0;
        }
        limit = entry.every.records;
        sinceOpen = 0;
        result.opens.push(entry);
      }
      if (read.tag !== tag() || read.epoch !== epoch || read.member !== key?.records)
        fail(line, 'wrong key_id or member');
      const leaf = leafOf(line, read);
      const hasSalt = read.type === 'record' && read.salt !== undefined;
      if (read.type === 'record' && hasSalt !== (key?.salted === true))
        fail(line, 'a salt, or none, where the other is due');
      if (key?.records === 'hash' && digestBytes(leaf).toString('base64url') !== read.auth)
        fail(line, 'wrong checksum');
      if (schedule !== undefined && schedule.authenticate(leaf) !== read.auth) fail(line, 'wrong MAC');
      tree.append(leaf);
      result.lines.push(line.toString('utf8'));
      if (read.type === 'record') {
        sinceSeal++;
        sinceOpen++;
        if (sinceSeal > limit) fail(line, 'a seal is missing');
        const own = unwrapRecord(line, read) ?? fail(line, 'does not unwrap');
        result.entries.push({ kind: 'record', line: own.toString('utf8') });
        continue;
      }
      if (entry === undefined) continue;
      result.entries.push(entry);
      if (entry.kind === 'gap') dropped += entry.dropped;
      if (entry.kind === 'key') handover = { epoch: Number(entry.next.split('.')[1]), key: entry.key };
      if (entry.kind !== 'seal' && entry.kind !== 'close') continue;
      const records = entry.kind === 'seal' ? sinceSeal : sinceOpen;
      if (entry.step !== step || entry.records !== records) fail(line, `step ${step} and ${records} records are due`);
      if (entry.kind === 'seal' && entry.dropped !== dropped) fail(line, 'wrong count of dropped lines');
      const text = `${origin}\n${tree.size}\n${digestBytes(tree.root()).toString('base64')}\n`;
      const mac = new Map<string, Buffer>();
      if (schedule !== undefined) mac.set(text, schedule.macCheckpoint(Buffer.from(text)));
      seals.set(tree.size, { root: tree.root(), key: key as KeyReference, epoch, mac });
      schedule?.advance();
      step++;
      sinceSeal = 0;
      dropped = 0;
      if (handover !== undefined) {
        enter(handover.epoch, handover.key);
        handover = undefined;
      }
    }
  }
  result.size = tree.size;
  return result;
}
