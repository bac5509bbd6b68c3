import { isTamperError, TamperError } from '../../errors.ts';
import type { NoteSignature, SignedCheckpoint } from '../../format/checkpoint.ts';
import { decodeLogSignature } from '../../format/log-signature.ts';
import { encodeNoteKey, type NoteKey, ratchetKeyId } from '../../format/vkey.ts';
import { verifySignature } from '../../keys/signature.ts';
import type { Epoch, SignerId } from '../model/epoch.ts';
import type { KnownKey } from '../state/known-keys.ts';
import type { StreamState } from '../state/state.ts';
import { countsAsNamed } from './named-keys.ts';
import { hasWeight } from './post-quantum.ts';

/** The signature lines of a checkpoint, against every key that is known for the stream (spec 4, M4.3). */

/** What the signatures of one checkpoint came to. */
export interface NoteVerdict {
  /** Keys whose signature verified, each with its first line that did. */
  readonly verified: ReadonlyMap<SignerId, NoteSignature>;
  /** Whether our MAC verified. */
  readonly mac: boolean;
  /** The name of the first signature whose key is known and which is not one of that key. */
  readonly wrong: string | undefined;
  /** Whether a signature of a known key is there that only its key service can check, and could not be checked. */
  readonly unchecked: boolean;
}

/** Whether the signature is right; undefined where it could not be checked. A right one is checked once. */
async function check(
  state: StreamState,
  known: KnownKey,
  epoch: Epoch | undefined,
  checkpoint: SignedCheckpoint,
  signature: Buffer,
): Promise<boolean | undefined> {
  const place = state.goodSignatures.place(known.id, checkpoint, signature);
  if (state.goodSignatures.has(place)) return true;
  if (!mayCheck(state, known, epoch)) return undefined;
  const good = await checkAnew(state, known, checkpoint, signature);
  if (good === true) state.goodSignatures.add(place);
  if (good === false && !state.allowance.take('wrongSignatures')) {
    state.sayOnce('wrongSignatures', 'too many signatures by known keys are wrong; no more of them are checked');
  }
  return good;
}

/**
 * A key that the auditor names signs as often as its owner does, and so does one that a checked MAC vouches for. Anybody
 * may put another one into a log, and its signatures.
 */
function mayCheck(state: StreamState, { id }: KnownKey, epoch: Epoch | undefined): boolean {
  if (state.allowance.left('wrongSignatures') === 0) return false;
  if (countsAsNamed(state, id) || (epoch?.macChecked === true && epoch.signers.has(id))) return true;
  if (state.allowance.take('strangersSignatures')) return true;
  state.sayOnce(
    'strangersSignatures',
    'too many signatures by keys that you did not name; no more of them are checked',
  );
  return false;
}

async function checkAnew(
  state: StreamState,
  known: KnownKey,
  checkpoint: SignedCheckpoint,
  signature: Buffer,
): Promise<boolean | undefined> {
  const { key, signer } = known;
  if (key.algorithm !== 'kms-hmac-sha256') return checkHere(state, key, checkpoint, signature);
  const named = state.knownKeys.namedAs(known.id).length > 0;
  if (!named || signer === undefined || state.auditor.verifyOnline === undefined) return undefined;
  if (state.allowance.left('serviceFailures') === 0) return undefined;
  try {
    return await state.auditor.verifyOnline(signer, Buffer.from(checkpoint.text, 'utf8'), signature);
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    state.allowance.take('serviceFailures');
    state.find('KEY_SERVICE', `the key service could not check a checkpoint (${error.code}): ${error.message}`);
    return undefined;
  }
}

/** Undefined where this program has nothing to check the algorithm with: that is said, and proves nothing (M8.9). */
async function checkHere(
  state: StreamState,
  { algorithm, bytes }: NoteKey,
  checkpoint: SignedCheckpoint,
  signature: Buffer,
): Promise<boolean | undefined> {
  const line = decodeLogSignature(algorithm, checkpoint, signature);
  if (line === undefined) return false;
  try {
    return await verifySignature(algorithm, bytes, line.message, line.signature);
  } catch (error) {
    if (!isTamperError(error, 'DEPENDENCY_MISSING')) throw error;
    state.allowance.take('serviceFailures');
    state.find('UNSUPPORTED', `a signature of ${algorithm} could not be checked: ${error.message}`);
    return undefined;
  }
}

/** Checks every signature line. `epoch` is the key period of the checkpoint's seal; `mac` is what our MAC must be (M4.4). */
export async function verifyNote(
  state: StreamState,
  checkpoint: SignedCheckpoint,
  epoch: Epoch | undefined,
  mac: Buffer | undefined,
): Promise<NoteVerdict> {
  const { origin } = state.auditor;
  const macKeyId =
    epoch?.schedule === undefined ? undefined : ratchetKeyId(origin, epoch.schedule.fingerprint).toString('hex');
  const verified = new Map<SignerId, NoteSignature>();
  let macVerified = false;
  let wrong: string | undefined;
  let unchecked = false;
  for (const signature of checkpoint.signatures) {
    if (signature.name !== origin) continue;
    if (signature.keyId === macKeyId && mac !== undefined && epoch?.macChecked === true) {
      if (signature.bytes.equals(mac)) macVerified = true;
      else wrong ??= 'our MAC';
      continue;
    }
    const candidates = state.knownKeys.withKeyId(signature.keyId);
    let failed = 0;
    for (const key of candidates) {
      const good = await check(state, key, epoch, checkpoint, signature.bytes);
      if (good === true) verified.set(key.id, verified.get(key.id) ?? signature);
      else if (good === undefined) unchecked = true;
      else failed++;
    }
    // a key id has 4 bytes: where several keys share it, one that verifies is enough
    if (failed > 0 && failed === candidates.length) wrong ??= `the signature by key ${signature.keyId}`;
  }
  return { verified, mac: macVerified, wrong, unchecked };
}

/** The named keys, each within its range, whose signatures a held checkpoint carries. */
export async function namedSignatures(state: StreamState, checkpoint: SignedCheckpoint): Promise<Set<SignerId>> {
  const { verified } = await verifyNote(state, checkpoint, undefined, undefined);
  const inRange = state.knownKeys.named.filter(
    ({ fromSeq, untilSeq }) => checkpoint.size >= fromSeq && checkpoint.size <= untilSeq,
  );
  return new Set(inRange.map(({ key }) => encodeNoteKey(key).toString('latin1')).filter((id) => verified.has(id)));
}

/** Whether a held checkpoint carries the signature of a key that is named and signs for this key period. */
export async function verifyNamed(state: StreamState, checkpoint: SignedCheckpoint, epoch: Epoch): Promise<boolean> {
  const named = [...(await namedSignatures(state, checkpoint))];
  return named.some((id) => epoch.signers.has(id) && hasWeight(state.auditor, id, checkpoint.size));
}
