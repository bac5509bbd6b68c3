import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isTamperError, TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { type Manifest, RATCHET_ALGORITHM } from '../../format/manifest.ts';
import { MANIFEST_LIMIT, type ManifestReading, readManifest } from '../../format/manifest-reading.ts';
import { noteKeyId, ratchetKeyId } from '../../format/vkey.ts';
import { shown } from '../../foundation/key-like.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { readError } from '../../foundation/regular-file.ts';
import type { Source } from '../input/sources.ts';
import type { Epoch } from '../model/epoch.ts';
import { type FileClose, type FileFacts, FileFactsCollector } from '../model/file-facts.ts';
import type { ProofKeeper } from '../model/proof-keeper.ts';
import type { StreamState } from '../state/state.ts';
import { handleCheckpoint } from './checkpoint-lines.ts';

/** Manifests beside closed files: every field is recomputed, a wrong one is a finding (spec 7, M7.1). */

const SUFFIX = '.manifest.json';
/** What else may be said of a file whose records have salts (M7.1). */
const OR_OLDER = ', or this is a copy from before records were erased';

/** The name of a file before it was compressed. */
function plainName(file: string): string {
  return file.endsWith('.gz') ? file.slice(0, -3) : file;
}

/** The name of the manifest of a file. */
export const manifestName = (file: string): string => plainName(file) + SUFFIX;

/** The bytes of the manifest of a file: the one given for its base name, else the one beside it; undefined without one. */
export async function findManifest(source: Source, given: readonly string[]): Promise<Buffer | undefined> {
  const own = manifestName(source.name);
  const named = given.find((path) => basename(path) === basename(own));
  if (named === undefined && source.manifest !== undefined) return source.manifest();
  const onRead = named === undefined ? source.onManifest : undefined;
  try {
    return await readBytes(named ?? own, MANIFEST_LIMIT, onRead);
  } catch (error) {
    if (named === undefined && isTamperError(error, 'NOT_FOUND')) {
      onRead?.(own, undefined, undefined);
      return undefined;
    }
    throw error;
  }
}

/**
 * Each manifest that was given is there, and has the name of one of the files: one that nobody reads proves nothing.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`; `USAGE` where it belongs to none of them
 */
export async function checkGiven(given: readonly string[], files: readonly string[]): Promise<void> {
  const names = new Set(files.map((file) => basename(manifestName(file))));
  for (const path of given) {
    if (!names.has(basename(path))) {
      throw new TamperError('USAGE', `the manifest ${shown(path)} does not belong to any of the files`, {
        hint: `The manifest of a file X is named X${SUFFIX}, wherever it is.`,
      });
    }
    await stat(path).catch((cause: unknown) => {
      throw readError(path, cause, 'Check the path of the manifest.');
    });
  }
}

/** What the file gives for the manifest's members, the first that differs. */
function firstWrong(
  manifest: Manifest,
  close: FileClose,
  collector: FileFactsCollector,
  origin: string,
): string | undefined {
  const { facts, root, epoch } = close;
  const { beginning, hasLost } = collector;
  if (manifest.origin !== origin) return 'origin';
  for (const name of Object.keys(facts) as (keyof FileFacts)[]) {
    if (beginning === undefined && (name === 'created_ts' || name === 'first_seq')) continue;
    if (hasLost && name === 'record_count') continue;
    if (manifest[name] !== facts[name]) return name;
  }
  if (root !== undefined && manifest.root !== root) return 'root';
  if (epoch !== undefined && manifest.algo !== (epoch.member === 'mac' ? 'hmac-sha256' : 'sha256')) return 'algo';
  if (epoch !== undefined && manifest.key_id !== epoch.kid) return 'key_id';
  if (beginning !== undefined && continuesWrong(manifest.continues_from, beginning.from)) return 'continues_from';
  return noteWrong(manifest, epoch);
}

/** Whether the file has the bytes that its manifest is about. */
function bytesWrong(
  manifest: Manifest,
  close: FileClose,
  collector: FileFactsCollector,
): 'bytes' | 'sha256' | undefined {
  if (collector.altered) return undefined; // the digest is that of other bytes
  if (!collector.covers(close)) return collector.missingBehind(close) > 0 ? undefined : 'bytes';
  return manifest.sha256 === collector.digest() ? undefined : 'sha256';
}

/** What the tree was before the file's first entry; nothing where a stream begins that continues no other. */
function continuesWrong(
  says: Manifest['continues_from'],
  is: { readonly origin: string; readonly size: number; readonly root: string | undefined } | undefined,
): boolean {
  if (says === undefined || is === undefined) return says !== is;
  return says.origin !== is.origin || says.size !== is.size || (is.root !== undefined && says.root !== is.root);
}

/** The note is of the last entry, and the signature is its first one, by the key that it names. */
function noteWrong(manifest: Manifest, epoch: Epoch | undefined): string | undefined {
  const note = parseSignedCheckpoint(manifest.checkpoint);
  const first = note?.signatures[0];
  if (note === undefined || note.size !== manifest.size || note.origin !== manifest.origin) return 'checkpoint';
  if (first?.bytes.toString('base64') !== manifest.signature) return 'signature';
  if (epoch === undefined || algorithmsOf(epoch, note.origin, first.keyId).includes(manifest.signature_algo))
    return undefined;
  return 'signature_algo';
}

/** What a signature of a key with this id is made with; a key id has 4 bytes, so several keys may share it. */
function algorithmsOf({ reference }: Epoch, origin: string, keyId: string): Manifest['signature_algo'][] {
  const algorithms: Manifest['signature_algo'][] = signersOf(reference)
    .filter((signer) => noteKeyId(origin, noteKeyOf(signer)).toString('hex') === keyId)
    .map(({ algorithm }) => algorithm);
  const ours = reference.records === 'mac' && ratchetKeyId(origin, reference.fp).toString('hex') === keyId;
  return ours ? [...algorithms, RATCHET_ALGORITHM] : algorithms;
}

/** A file's manifest while the file is read. */
export interface ManifestCheck {
  readonly reading: ManifestReading;
  readonly facts: FileFactsCollector;
}

/** Reads a manifest before its file is read: how many bytes it is about must be known. */
export function beginManifest(bytes: Uint8Array, recordsBefore: number): ManifestCheck {
  const reading = readManifest(bytes);
  const covered = 'manifest' in reading ? reading.manifest.bytes : 0;
  return { reading, facts: new FileFactsCollector(recordsBefore, covered) };
}

/**
 * Checks the manifest of a file that has been read; its checkpoint counts like a line of the file.
 *
 * @param following - the first entry of the file behind it
 */
export async function checkManifest(
  state: StreamState,
  file: string,
  { reading, facts }: ManifestCheck,
  following: number | undefined,
  proof?: ProofKeeper,
): Promise<void> {
  const own = { file: manifestName(file) };
  const say = (message: string): void => state.findings.add('MANIFEST_WRONG', own, message);
  if ('unreadable' in reading) {
    state.findings.add('UNREADABLE', own, `the manifest cannot be read: ${reading.unreadable}`);
    return;
  }
  if ('problem' in reading) {
    const { code, message } = reading.problem;
    if (code === 'UNSUPPORTED') state.findings.add(code, own, `the manifest is of a later version: ${message}`);
    else say(`the manifest cannot be used: ${message}`);
    return;
  }
  const { manifest } = reading;
  const close = facts.at(manifest.last_seq);
  const mayBeThere = state.order.isUnknown || state.coverage.maybeElsewhere;
  if (close === undefined && mayBeThere) return; // in an entry, or in a file, that could not be read
  if (close === undefined) {
    const { first_seq: first, last_seq: last } = manifest;
    const hasEntries = !state.order.atFileStart; // without any, its entries may be in other files
    const goesOn = following === state.order.next;
    // what stands there may be of a crash, cut before the open that takes its place (M8.26)
    const mayBeLost = hasEntries && state.evidence.settledSize < last && (!goesOn || facts.cutAt !== undefined);
    if (!mayBeLost && (state.order.next > last || (hasEntries && goesOn))) {
      if (hasEntries) say(`the manifest says that the file ends with entry ${last}, but there is no close there`);
    } else {
      const range = state.order.next <= last ? { seq: Math.max(first, state.order.next), lastSeq: last } : {};
      const place = { ...own, ...range };
      const message = `this manifest is of a file that ended with entry ${last}; what lies beside it ends before: it was cut off, emptied or replaced`;
      state.findings.add('FILES_MISSING', place, message); // as if it was deleted
      if (state.order.next <= last) state.file.endEarly();
    }
    return;
  }
  // its `file` may be another one: whoever renames a file renames its manifest (M7.1)
  const wrong = firstWrong(manifest, close, facts, state.auditor.origin) ?? bytesWrong(manifest, close, facts);
  const mayBeOlder = facts.salted && (wrong === 'bytes' || wrong === 'sha256');
  if (wrong !== undefined && !state.order.broken) {
    const other = `the manifest's "${wrong}" is that of other bytes: it was changed${OR_OLDER}`;
    if (mayBeOlder) state.findings.add('MANIFEST_WRONG', own, other, 'undecided');
    else say(`the manifest's "${wrong}" contradicts the file`);
  } // else the file was altered, which is reported
  if (wrong !== undefined && !mayBeOlder) return;
  const isTold = facts.altered || (facts.cutAt !== undefined && !state.auditor.live); // TORN_TAIL says it
  const missing = isTold ? 0 : facts.missingBehind(close);
  const message = `this file ends ${missing} bytes before its manifest says: checkpoint lines behind its last entry are missing${facts.salted ? OR_OLDER : ''}`;
  if (missing > 0) state.findings.add('FILES_MISSING', { file }, message); // a shipper is behind, or a download broke
  await handleCheckpoint(state, manifest.checkpoint, undefined, proof);
}
