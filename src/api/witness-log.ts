import type { Readable } from 'node:stream';
import { isTamperError, systemCode, TamperError } from '../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../format/checkpoint.ts';
import { parseWitnessVkey, verifyCosignature, type WitnessKey } from '../format/cosignature.ts';
import { classifyLine, formatCheckpointLine } from '../format/entry.ts';
import { checkOrigin } from '../format/origin.ts';
import { appendDurably, checkAppendable } from '../foundation/durable-append.ts';
import { readText } from '../foundation/read-text.ts';
import { verifyWitnessSignature } from '../keys/witness-signature.ts';
import type { CarrierName } from '../verify/carrier/carrier.ts';
import type { Source } from '../verify/input/sources.ts';
import { newestSigned, proveGrowth } from '../verify/show/tree-walk.ts';
import { filesInOrder } from '../verify/show/walk.ts';
import { addCheckpoint, type WitnessAnswer, type WitnessPlace } from '../witness/add-checkpoint.ts';
import { checkServiceAddress } from './service-address.ts';

/** A log's newest checkpoint is brought to a witness, from the files alone. */

/** What to bring to which witness. */
export interface WitnessLogOptions {
  /** The files of the log, all from the first one that the witness has not seen the end of. */
  readonly paths: readonly string[];
  readonly input?: Readable;
  readonly unwrap?: CarrierName;
  readonly origin: string;
  /** Submission prefix of the witness (C2SP tlog-witness). */
  readonly url: string;
  /** Verifier key of the witness. */
  readonly witness: string;
  /** The file that takes cosigned checkpoints, as checkpoint lines; it is made where it is not there. */
  readonly out: string;
}

/** What became of it. */
export type WitnessLogResult =
  /** `added`: the checkpoint was not in the file yet. */
  | { readonly outcome: 'cosigned'; readonly size: number; readonly time: bigint; readonly added: boolean }
  /** The witness has cosigned `witnessed` entries, more than these files have. */
  | { readonly outcome: 'ahead'; readonly size: number; readonly witnessed: number }
  /** The first `witnessed` entries that the witness has seen are others than these. */
  | { readonly outcome: 'contradicted'; readonly size: number; readonly witnessed: number };

/**
 * Submits the newest signed checkpoint of these files, and keeps it with the cosignature.
 *
 * @throws {@link TamperError} what `addCheckpoint` and `proveGrowth` throw; `NOT_FOUND` without a signed checkpoint;
 *   `USAGE` if `out` holds anything but checkpoints, `UNSAFE_PATH` if it is not a regular file, `INSECURE_ENDPOINT`; `FORMAT_INVALID`, `ORIGIN_INVALID`, `READ_FAILED`, `WRITE_FAILED`
 */
export async function witnessLog(options: WitnessLogOptions): Promise<WitnessLogResult> {
  const { origin, url, out } = options;
  checkOrigin(origin);
  checkServiceAddress(url, 'the witness');
  const witness = parseWitnessVkey(options.witness, 'the witness');
  await checkAppendable(out);
  const before = await cosignedBefore(out, origin, witness);
  const { files } = await filesInOrder(options, options.unwrap);
  const checkpoint = await newestSigned(files, origin);
  if (checkpoint === undefined) {
    throw new TamperError('NOT_FOUND', `these files hold no signed checkpoint of ${origin}`, {
      hint: 'A witness needs one that is signed with a key: see signing_key_id. Check the name of the stream, too.',
    });
  }
  const { size } = checkpoint;
  if (before > size) return { outcome: 'ahead', size, witnessed: before };
  const { answer, old } = await submit(files, checkpoint, { url, witness }, before);
  if (answer.outcome === 'other-size') return { outcome: 'ahead', size, witnessed: answer.size };
  if (answer.outcome === 'contradicted') return { outcome: 'contradicted', size, witnessed: old };
  const added = size > before;
  if (added) await append(out, answer.note);
  return { outcome: 'cosigned', size, time: answer.time, added };
}

/** Once from where the witness was last, and once more from where it says it is; a larger size than ours is its last word. */
async function submit(
  files: readonly Source[],
  checkpoint: SignedCheckpoint,
  place: WitnessPlace,
  before: number,
): Promise<{ readonly answer: WitnessAnswer; readonly old: number }> {
  let old = before;
  for (let attempt = 1; ; attempt++) {
    const { proof } = await proveGrowth(files, checkpoint, old);
    const answer = await addCheckpoint(place, { checkpoint, old, proof });
    if (answer.outcome !== 'other-size' || answer.size > checkpoint.size) return { answer, old };
    if (attempt === 2) {
      throw new TamperError(
        'UNAVAILABLE',
        `the witness ${place.witness.name} has accepted another checkpoint in the meantime`,
        {
          retryable: true,
          hint: 'Somebody else is submitting this stream at the same time: run one job for each stream and witness.',
        },
      );
    }
    old = answer.size;
  }
}

/** The largest size in the file that this witness cosigned; 0 where there is none, or no file yet. */
async function cosignedBefore(path: string, origin: string, witness: WitnessKey): Promise<number> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (isTamperError(error, 'NOT_FOUND')) return 0;
    throw error;
  }
  let largest = 0;
  for (const line of text.split('\n')) {
    const read = classifyLine(Buffer.from(line, 'utf8'));
    if (line !== '' && read.type !== 'checkpoint') {
      throw new TamperError('USAGE', `${path} holds more than checkpoints, so nothing is appended to it`, {
        hint: 'Name a file of its own for cosigned checkpoints, never the log itself: its writer would stop.',
      });
    }
    const checkpoint =
      read.type === 'checkpoint' && read.note !== undefined ? parseSignedCheckpoint(read.note) : undefined;
    if (checkpoint?.origin !== origin || checkpoint.size <= largest) continue;
    const lines = checkpoint.signatures.filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId);
    for (const { bytes } of lines) {
      const time = await verifyCosignature(witness, checkpoint, bytes, verifyWitnessSignature);
      if (time !== undefined) largest = checkpoint.size;
    }
  }
  return largest;
}

async function append(path: string, note: string): Promise<void> {
  try {
    await appendDurably(path, `${formatCheckpointLine(note)}\n`, 0o644);
  } catch (cause) {
    if (systemCode(cause) === '') throw cause;
    throw new TamperError('WRITE_FAILED', `cannot write ${path} (${systemCode(cause)})`, {
      cause,
      hint: 'The witness has cosigned: make room or check permissions, and run this again.',
    });
  }
}
