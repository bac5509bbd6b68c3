import { TamperError } from '../../errors.ts';
import { formatNote, formatSignatureLine, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { type KeyReference, noteKeyOf, type Signer, signersOf } from '../../format/key-reference.ts';
import { decodeLogSignature, encodeLogSignature, logMessage } from '../../format/log-signature.ts';
import { noteKeyId, ratchetKeyId } from '../../format/vkey.ts';
import { allSettled, atOnce, LATER, type Steps, waitFor } from '../../foundation/steps.ts';
import { keysAtOnce } from '../../keys/at-once.ts';
import { isSignature } from '../../keys/signature.ts';
import type { Epoch, EpochSigner } from '../epoch/epoch.ts';
import type { SealJob } from './seal-job.ts';

/** Nobody ends what takes no time. */
const NEVER = new AbortController().signal;

/** The note with our MAC alone, as it is written while the key service is away (spec 4, M4.6). */
export function macNote(job: SealJob): string | undefined {
  return job.macLine === undefined ? undefined : formatNote(job.text, [job.macLine]);
}

/**
 * The full note of a checkpoint: a signature of each signer in their order, then those of the next key period, then our
 * MAC (spec 4, 5).
 *
 * @param onCoSignerFailure - told of a note key, or a key of the next key period, that could not sign; the note does without it
 * @param onPart - where one signer fails and another does not, given the note with what there is (M4.6)
 * @throws what the signers throw; `SIGNATURE_REJECTED` for a signature that is not one of the key period's key
 */
export function* signNote(
  job: SealJob,
  signal: AbortSignal,
  onCoSignerFailure: (error: unknown) => void,
  onPart: (note: string) => void,
): Steps<string> {
  const tried = yield* allSettled<string[]>(...job.epoch.signers.map((signer) => signLine(job, signer, signal)));
  const own = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const mac = job.macLine === undefined ? [] : [job.macLine];
  const failed = tried.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    if (own.length > 0) onPart(formatNote(job.text, [...own, ...mac]));
    throw failed.reason;
  }
  const { note } = job.epoch;
  const forReaders = yield* signAll(job, note === undefined ? [] : [note], signal, onCoSignerFailure); // M4.11
  const next = yield* coSign(job, signal, onCoSignerFailure);
  return formatNote(job.text, [...own, ...forReaders, ...next, ...mac]);
}

/** The full note of a checkpoint, for which there is no time; undefined if its signers are not all local, or one of them fails. */
export function noteAtOnce(job: SealJob, warn: (error: unknown) => void): string | undefined {
  if (job.epoch.signers.length === 0) return macNote(job);
  try {
    const note = atOnce(signNote(job, NEVER, warn, () => undefined)); // without a part our MAC is said alone
    return note === LATER ? undefined : note;
  } catch (error) {
    warn(error);
    return undefined;
  }
}

/** What can be said without the key period's own signers: the next one's signatures and our MAC. */
export function* signWithoutOwnKeys(
  job: SealJob,
  signal: AbortSignal,
  onCoSignerFailure: (error: unknown) => void,
): Steps<string | undefined> {
  const lines = yield* coSign(job, signal, onCoSignerFailure);
  if (job.macLine !== undefined) lines.push(job.macLine);
  return lines.length === 0 ? undefined : formatNote(job.text, lines);
}

function* coSign(job: SealJob, signal: AbortSignal, onFailure: (error: unknown) => void): Steps<string[]> {
  const own = new Set(job.epoch.signers.map(({ signer }) => keyText(signer)));
  const others = job.coSigners.filter(({ signer }) => !own.has(keyText(signer)));
  return yield* signAll(job, others, signal, onFailure);
}

/** The lines of those that can sign. */
function* signAll(
  job: SealJob,
  signers: readonly EpochSigner[],
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Steps<string[]> {
  const lines: string[] = [];
  for (const signer of signers) {
    try {
      lines.push(yield* signLine(job, signer, signal));
    } catch (error) {
      onFailure(error);
    }
  }
  return lines;
}

/** The keys of the old key period, at a hand-over, whose names have come to stand for other keys: they are no more. */
export function replacedKeys({ epoch, coSigners }: SealJob): string[] {
  return epoch.signers.flatMap(({ signer: own }) =>
    coSigners.some(
      ({ signer: next }) =>
        next.source === own.source && next.identity === own.identity && keyText(next) !== keyText(own),
    )
      ? [keyText(own)]
      : [],
  );
}

/** Whether a key of the key period is one of these. */
export function signsWith(epoch: Epoch, keys: ReadonlySet<string>): boolean {
  return epoch.signers.some(({ signer }) => keys.has(keyText(signer)));
}

/** Tells keys apart, whatever they are called. */
export const keyText = (signer: Signer): string => `${signer.algorithm} ${noteKeyOf(signer).bytes.toString('base64')}`;

function* signLine(job: SealJob, { signer, signing }: EpochSigner, signal: AbortSignal): Steps<string> {
  const { origin } = job.epoch;
  const message = logMessage(signer.algorithm, { ...job, origin });
  const { bytes, algorithm, identity } = yield* waitFor(
    () => signing.sign(signer.identity, message, { signal }),
    () => keysAtOnce(signing)?.sign(signer.identity, message) ?? LATER,
  );
  const wrong =
    algorithm !== signer.algorithm
      ? `it is a signature with ${algorithm}, not ${signer.algorithm}`
      : identity !== signer.identity
        ? `${identity} made it`
        : signer.spki !== undefined && !(yield* isSignature(signer.algorithm, signer.spki, message, bytes))
          ? 'it does not verify with the public key of this key period'
          : undefined;
  if (wrong !== undefined) {
    throw new TamperError(
      'SIGNATURE_REJECTED',
      `the signature by ${signer.identity} over checkpoint ${job.size} was refused: ${wrong}`,
      {
        hint: 'Nothing was written. The key may have been replaced behind its name; the next key period begins with the new one.',
        retryable: true,
      },
    );
  }
  return formatSignatureLine(origin, noteKeyId(origin, noteKeyOf(signer)), encodeLogSignature(algorithm, bytes));
}

/**
 * Whether the key service says that a note carries a signature of a key without a public half, which only
 * the service can check. One that does not answer confirms nothing: then what it covers is adopted (spec 6).
 */
export function* isConfirmed(
  checkpoint: SignedCheckpoint,
  key: KeyReference,
  epoch: Epoch,
  warn: (error: unknown) => void,
): Steps<boolean> {
  for (const signer of signersOf(key)) {
    const signing = epoch.signers.find((one) => one.signer.source === signer.source)?.signing;
    if (signing === undefined || signer.spki !== undefined) continue;
    const id = noteKeyId(checkpoint.origin, noteKeyOf(signer)).toString('hex');
    const found = checkpoint.signatures.find(({ keyId }) => keyId === id);
    try {
      const text = Buffer.from(checkpoint.text, 'utf8');
      if (found !== undefined && (yield* waitFor(() => signing.verify(signer, text, found.bytes)))) return true;
    } catch (error) {
      warn(error);
    }
  }
  return false;
}

/** What a note found on disk, or of an anchor, is worth: signed by a signer of its key period, or only with our MAC. */
export function* checkNote(checkpoint: SignedCheckpoint, key: KeyReference): Steps<'signed' | 'mac' | 'nothing'> {
  const has = (id: Buffer): Buffer[] =>
    checkpoint.signatures
      .filter(({ name, keyId }) => name === checkpoint.origin && keyId === id.toString('hex'))
      .map(({ bytes }) => bytes);
  for (const signer of signersOf(key)) {
    const found = has(noteKeyId(checkpoint.origin, noteKeyOf(signer)));
    const { spki, algorithm } = signer;
    for (const bytes of found) {
      const line = decodeLogSignature(algorithm, checkpoint, bytes);
      if (spki === undefined || line === undefined) continue;
      if (yield* isSignature(algorithm, spki, line.message, line.signature)) return 'signed';
    }
  }
  return key.records === 'mac' && has(ratchetKeyId(checkpoint.origin, key.fp)).length > 0 ? 'mac' : 'nothing';
}
