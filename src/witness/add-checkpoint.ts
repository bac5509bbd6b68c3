import { type Digest, digestBytes } from '../core/hash.ts';
import { TamperError } from '../errors.ts';
import { encodeBase64 } from '../format/base64.ts';
import {
  formatNote,
  formatSignatureLine,
  ownSignatureLines,
  parseSignedCheckpoint,
  type SignedCheckpoint,
} from '../format/checkpoint.ts';
import { verifyCosignature, type WitnessKey } from '../format/cosignature.ts';
import { askOverHttp } from '../foundation/http-answer.ts';
import { verifyWitnessSignature } from '../keys/witness-signature.ts';

/** One request to a witness: C2SP tlog-witness, `add-checkpoint`. Nothing that it answers is believed before it is checked. */

const TIMEOUT_MS = 10_000;
/** No honest answer is longer: a few signature lines, or a number. */
const ANSWER_LIMIT = 65_536;

/** Where a witness takes checkpoints, and whose cosignatures it gives. */
export interface WitnessPlace {
  /** Submission prefix, without `/add-checkpoint`. */
  readonly url: string;
  readonly witness: WitnessKey;
}

/** A checkpoint to be cosigned. */
export interface Submission {
  readonly checkpoint: SignedCheckpoint;
  /** Size of the last checkpoint that the witness cosigned; 0 for none, or if it is not known. */
  readonly old: number;
  /** Consistency proof from `old` (RFC 9162 section 2.1.4.1). */
  readonly proof: readonly Digest[];
}

/** What a witness says to it. */
export type WitnessAnswer =
  /** `note`: the checkpoint with its own signatures and the verified cosignature. `time`: in seconds since 1970. */
  | { readonly outcome: 'cosigned'; readonly note: string; readonly time: bigint }
  /** It has cosigned another size last. */
  | { readonly outcome: 'other-size'; readonly size: number }
  /** It has cosigned another tree of the old size, or the proof is none. */
  | { readonly outcome: 'contradicted' };

/**
 * Submits a checkpoint.
 *
 * @throws {@link TamperError} `UNAVAILABLE`, `TIMEOUT`, `ABORTED`, `NOT_FOUND` (the witness does not know the origin),
 *   `ACCESS_DENIED` (it does not know the key), `RESPONSE_MALFORMED`
 */
export async function addCheckpoint(
  place: WitnessPlace,
  submission: Submission,
  signal?: AbortSignal,
): Promise<WitnessAnswer> {
  const { status, body } = await askOverHttp({
    what: `the witness ${place.witness.name}`,
    url: `${place.url.replace(/\/+$/, '')}/add-checkpoint`,
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: formatRequest(submission),
    limit: ANSWER_LIMIT,
    timeoutMs: TIMEOUT_MS,
    signal,
    hint: 'Check its address and that it can be reached; the next checkpoint is submitted again.',
  });
  return read(status, body.toString('utf8'), submission, place.witness);
}

/** Of the signatures only the log's own go out: a witness takes sixteen at most, and needs no other. */
function formatRequest({ checkpoint, old, proof }: Submission): string {
  const lines = proof.map((digest) => `${encodeBase64(digestBytes(digest))}\n`);
  return `old ${old}\n${lines.join('')}\n${formatNote(checkpoint.text, ownSignatureLines(checkpoint))}`;
}

async function read(status: number, body: string, submission: Submission, witness: WitnessKey): Promise<WitnessAnswer> {
  const { checkpoint, old } = submission;
  const what = `the witness ${witness.name}`;
  switch (status) {
    case 200:
      return readCosigned(body, checkpoint, witness);
    case 409: {
      const size = /^(0|[1-9][0-9]{0,15})\n?$/.test(body) ? Number(body) : Number.NaN;
      if (Number.isSafeInteger(size) && size !== old) return { outcome: 'other-size', size };
      // it need not say a size where the trees differ at the old one
      if (old === checkpoint.size) return { outcome: 'contradicted' };
      throw malformed(what, 'it refused the size that it says it has, or said none');
    }
    case 422:
      // a tree of no entries is the beginning of every other
      if (old === 0) throw malformed(what, 'it refused a proof from no entries on, which needs none');
      return { outcome: 'contradicted' };
    case 403:
      throw new TamperError(
        'ACCESS_DENIED',
        `${what} does not know ${checkpoint.origin}, or none of the keys that sign it`,
        {
          hint: 'Give its operator the verifier key that `verify` and `keygen` print for this stream, after each change of the key.',
        },
      );
    case 404:
      throw new TamperError('NOT_FOUND', `${what} does not know the stream ${checkpoint.origin}`, {
        hint: 'Ask its operator to add the stream, with its verifier key.',
      });
    default:
      throw new TamperError('UNAVAILABLE', `${what} answered with HTTP status ${status}`, {
        retryable: status >= 500 || status === 429,
        hint: 'The next checkpoint is submitted again.',
      });
  }
}

/** The lines are put under the checkpoint and read as a note; lines of others are left out (C2SP tlog-witness). */
async function readCosigned(body: string, checkpoint: SignedCheckpoint, witness: WitnessKey): Promise<WitnessAnswer> {
  const what = `the witness ${witness.name}`;
  const answer = parseSignedCheckpoint(formatNote(checkpoint.text, [body]));
  if (answer === undefined) throw malformed(what, 'its answer is not made of signature lines');
  const lines = answer.signatures.filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId);
  const [line] = lines;
  const time = line && (await verifyCosignature(witness, checkpoint, line.bytes, verifyWitnessSignature));
  if (line === undefined || time === undefined) {
    throw malformed(what, line === undefined ? 'its answer has no cosignature of its own' : 'its cosignature is wrong');
  }
  const cosignature = formatSignatureLine(line.name, Buffer.from(line.keyId, 'hex'), line.bytes);
  return {
    outcome: 'cosigned',
    note: formatNote(checkpoint.text, [...ownSignatureLines(checkpoint), cosignature]),
    time,
  };
}

function malformed(what: string, why: string): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${what}: ${why}`, {
    hint: 'Check that the address is that of this witness, and that its verifier key is right.',
  });
}
