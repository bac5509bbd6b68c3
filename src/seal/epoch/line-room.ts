import { isMlDsa, ML_DSA } from '../../core/ml-dsa.ts';
import { EMPTY_ROOT } from '../../core/tree.ts';
import { TamperError } from '../../errors.ts';
import { formatCheckpointText, formatNote, formatSignatureLine } from '../../format/checkpoint.ts';
import { formatControlLeaf, type OpenEntry } from '../../format/control.ts';
import { CONTROL_WRITE_LIMIT, formatCheckpointLine, TAIL_LENGTH } from '../../format/entry.ts';
import type { Signer } from '../../format/key-reference.ts';
import type { Epoch } from './epoch.ts';

/** The longest lines that a key period may ever need, known before anything is sealed under it (spec 1, M1.8). */

const LARGEST = Number.MAX_SAFE_INTEGER;
/** A tree of 2^53 - 1 entries has so many subtrees. */
const SUBTREES = 53;
const TIME = '2026-11-24T23:00:00.000Z';
const KEY_ID = Buffer.alloc(4);
/** A stream may be continued by one with a longer name. */
const ORIGIN = 'x'.repeat(255);

/** The open with everything that one can hold, every number as long as it can be. */
function longestOpen({ kid, member, reference }: Epoch): number {
  const head = { size: LARGEST, root: EMPTY_ROOT };
  const open: OpenEntry = {
    kind: 'open',
    format: 1,
    origin: ORIGIN,
    time: TIME,
    why: 'recovered',
    size: LARGEST,
    frontier: Array.from({ length: SUBTREES }, () => EMPTY_ROOT),
    checkpoint: head,
    key: reference,
    epochSeq: LARGEST,
    step: LARGEST,
    every: { records: LARGEST, seconds: LARGEST, idleSeconds: LARGEST },
    torn: { bytes: LARGEST, sha256: EMPTY_ROOT },
    adoptedFrom: LARGEST,
    after: { ...head, origin: ORIGIN },
  };
  return Buffer.byteLength(formatControlLeaf(LARGEST, open, kid, member)) + TAIL_LENGTH;
}

/** No signature is longer than the public key that verifies it, but for small ones and those of ML-DSA. */
function signatureLength({ spki, algorithm }: Signer): number {
  return isMlDsa(algorithm) ? ML_DSA[algorithm].signatureBytes : Math.max(spki?.length ?? 0, 128);
}

/** The checkpoint of a hand-over: both key periods sign, and the other one is like this one. */
function longestCheckpoint({ signers, member }: Epoch): number {
  const line = (length: number): string => formatSignatureLine(ORIGIN, KEY_ID, Buffer.alloc(length));
  const signatures = signers.map(({ signer }) => line(signatureLength(signer)));
  const text = formatCheckpointText({ origin: ORIGIN, size: LARGEST, root: EMPTY_ROOT });
  const note = formatNote(text, [...signatures, ...signatures, ...(member === 'mac' ? [line(32)] : [])]);
  return Buffer.byteLength(formatCheckpointLine(note));
}

/**
 * Refuses a key period under which a line of ours could grow too long for carriers.
 *
 * @throws {@link TamperError} `FORMAT_LIMIT`
 */
export function checkLineRoom(epoch: Epoch): void {
  const lengths = { 'an open entry': longestOpen(epoch), 'a checkpoint line': longestCheckpoint(epoch) };
  for (const [what, length] of Object.entries(lengths)) {
    if (length <= CONTROL_WRITE_LIMIT) continue;
    const message = `with these keys ${what} of ${epoch.origin} may grow to ${length} bytes; the limit is ${CONTROL_WRITE_LIMIT}`;
    const hint = 'Use a shorter origin, shorter key names, or fewer signers.';
    throw new TamperError('FORMAT_LIMIT', message, { hint });
  }
}
