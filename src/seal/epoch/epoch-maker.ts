import { randomBytes } from 'node:crypto';
import { KeySchedule, NONCE_LENGTH } from '../../core/key-schedule.ts';
import { isMlDsa, ML_DSA } from '../../core/ml-dsa.ts';
import { EMPTY_ROOT } from '../../core/tree.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { formatCheckpointText, formatNote, formatSignatureLine } from '../../format/checkpoint.ts';
import { formatControlLeaf, type OpenEntry } from '../../format/control.ts';
import { TIME_LENGTH } from '../../format/cosigned-message.ts';
import { CONTROL_WRITE_LIMIT, formatCheckpointLine, TAIL_LENGTH } from '../../format/entry.ts';
import type { KeyReference, MacKeyReference, Signer } from '../../format/key-reference.ts';
import { kidOf } from '../../format/origin.ts';
import type { Clock } from '../../foundation/clock.ts';
import { allSettled, inTime, LATER, type Steps, waitFor } from '../../foundation/steps.ts';
import { keysAtOnce } from '../../keys/at-once.ts';
import { assertPostQuantum, type DataKey } from '../../keys/provider.ts';
import { pause } from '../../keys/retry.ts';
import { assertNoteKey, signerOf } from '../../keys/signer.ts';
import { Epoch, type EpochSigner } from './epoch.ts';
import type { DataKeySource, KeySources, SigningSource } from './key-sources.ts';
import { Outage } from './outage.ts';

/**
 * M5.6: Makes a key period: mints its data key (never cached, never shared), resolves the versions of its signing keys. Its
 * number must have been announced in the state before (spec 1).
 *
 * @throws what the key sources throw, `KEY_DISABLED` among it where a key cannot sign; `KEY_MALFORMED` for a data or public
 *   key that no log can use; `FORMAT_LIMIT`
 */
export function makeEpoch(sources: KeySources, origin: string, number: number, signal: AbortSignal): Promise<Epoch> {
  return inTime(epochOf(sources, origin, number, signal));
}

/** {@link makeEpoch}. */
function* epochOf(sources: KeySources, origin: string, number: number, signal: AbortSignal): Steps<Epoch> {
  const [signers, mac] = yield* both(
    sources.signers.map((source) => resolveSigner(source, signal)),
    mintIfPossible(sources, origin, number, signal),
  );
  if (sources.signIfNoDataKey && mac === undefined)
    signers.unshift(yield* resolveSigner(sources.signIfNoDataKey, signal));
  const note = signers.length > 0 ? sources.note : undefined; // never alone (M4.11)
  const salted = (sources.salted ?? signers.length > 0) ? { salted: true as const } : {};
  if (mac !== undefined) {
    const named = signers.length === 0 ? {} : { signers: signers.map(({ signer }) => signer) };
    const { schedule, incarnation } = mac;
    return roomy(
      new Epoch({
        origin,
        number,
        reference: { ...mac.reference, ...salted, ...named },
        signers,
        note,
        schedule,
        incarnation,
      }),
    );
  }
  const reference: KeyReference = { records: 'hash', ...salted, signers: signers.map(({ signer }) => signer) };
  return roomy(new Epoch({ origin, number, reference, signers, note }));
}

/** M1.8: refused before anything is sealed under it, not when its longest line comes. */
function roomy(epoch: Epoch): Epoch {
  try {
    const signers = epoch.signers.map(({ signer }) => signer);
    if (epoch.note !== undefined) assertNoteKey(epoch.origin, epoch.note.signer, signers);
    checkLineRoom(epoch);
    return epoch;
  } catch (error) {
    epoch.erase();
    throw error;
  }
}

interface Minted {
  readonly reference: MacKeyReference;
  readonly schedule: KeySchedule;
  readonly incarnation: string | undefined;
}

/** Waits for all, so that a data key that arrives although a signer failed is erased. */
function* both(
  signers: readonly Steps<EpochSigner>[],
  mac: Steps<Minted | undefined>,
): Steps<[EpochSigner[], Minted | undefined]> {
  let minted: Minted | undefined;
  let isWhole = false;
  function* noted(): Steps<undefined> {
    minted = yield* mac;
    return undefined;
  }
  try {
    const outcomes = yield* allSettled<(EpochSigner | undefined)[]>(...signers, noted());
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    isWhole = true;
    return [outcomes.flatMap((one) => (one.status === 'fulfilled' ? (one.value ?? []) : [])), minted];
  } finally {
    if (!isWhole) minted?.schedule.erase();
  }
}

function* mintIfPossible(
  sources: KeySources,
  origin: string,
  number: number,
  signal: AbortSignal,
): Steps<Minted | undefined> {
  if (sources.dataKey === undefined) return undefined;
  try {
    return yield* mint(sources.dataKey, origin, number, signal);
  } catch (error) {
    if (sources.signIfNoDataKey !== undefined && isTamperError(error, 'UNSUPPORTED_OPERATION')) return undefined;
    throw error;
  }
}

function* mint({ keys, keyId }: DataKeySource, origin: string, number: number, signal: AbortSignal): Steps<Minted> {
  const context = { origin, kid: kidOf(origin, number) };
  const dataKey = yield* waitFor(
    () => keys.getKey(keyId, context, { signal }),
    () => keysAtOnce(keys)?.getKey(keyId, context) ?? LATER,
    (unused) => unused.erase(),
  );
  try {
    return derive(dataKey, origin, number);
  } finally {
    dataKey.erase();
  }
}

function derive(dataKey: DataKey, origin: string, epoch: number): Minted {
  const nonce = randomBytes(NONCE_LENGTH);
  const keys = KeySchedule.derive(dataKey.material, { nonce, origin, epoch });
  const { source, identity, wrapped, incarnation } = dataKey;
  const reference: MacKeyReference = {
    records: 'mac',
    source,
    identity,
    nonce,
    fp: keys.fingerprint,
    ...(wrapped !== undefined && { wrapped: Buffer.from(wrapped) }),
  };
  return { reference, schedule: keys, incarnation };
}

function* resolveSigner({ signing, keyId, postQuantum }: SigningSource, signal: AbortSignal): Steps<EpochSigner> {
  const key = yield* waitFor(
    () => signing.getSigningKey(keyId, { signal, toSign: true }),
    () => keysAtOnce(signing)?.getSigningKey(keyId) ?? LATER,
  );
  if (postQuantum === true) assertPostQuantum(key);
  return { signer: signerOf(key), signing };
}

/** What a proxy, a certificate or another service at the address is to blame for: somebody may be mending it. */
const mayBeMended: ReadonlySet<string> = new Set(['TLS_FAILED', 'RESPONSE_MALFORMED', 'RESPONSE_CORRUPTED']);

/** What the first key of a run is fetched with. */
export interface FirstEpochOptions {
  readonly sources: () => Steps<KeySources>;
  readonly origin: string;
  readonly number: number;
  /** Whether to wait for a key service that is away (`on_start_failure`). A refusal always ends it. */
  readonly wait: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onOutage: (since: number, error: unknown) => void;
}

/** The first key period of a run, its keys, and since when they were waited for, where they were. */
export function* firstEpoch(
  options: FirstEpochOptions,
): Steps<{ epoch: Epoch; sources: KeySources; since: number | undefined }> {
  const { origin, number, clock, signal } = options;
  const outage = new Outage(clock);
  let sources: KeySources | undefined;
  for (;;) {
    try {
      sources ??= yield* options.sources();
      const epoch = yield* epochOf(sources, origin, number, signal);
      return { epoch, sources, since: outage.since };
    } catch (error) {
      const passing = isTamperError(error) && (error.retryable || mayBeMended.has(error.code));
      if (!passing || !options.wait || signal.aborted) throw error;
      if (outage.failed()) options.onOutage(outage.since ?? clock.now(), error);
      const wait = outage.wait(error);
      yield* waitFor(() => pause(wait, `waiting for the first key of ${origin}`, signal, clock));
    }
  }
}

/** The longest lines that a key period may ever need, known before anything is sealed under it (spec 1, M1.8). */

const LARGEST = Number.MAX_SAFE_INTEGER;
/** A tree of 2^53 - 1 entries has so many subtrees. */
const SUBTREES = 53;
const ANY_TIME = '2026-11-24T23:00:00.000Z';
const ANY_KEY_ID = Buffer.alloc(4);
/** A stream may be continued by one with a longer name. */
const LONGEST_ORIGIN = 'x'.repeat(255);

/** The open with everything that one can hold, every number as long as it can be. */
function longestOpen({ kid, member, reference }: Epoch): number {
  const head = { size: LARGEST, root: EMPTY_ROOT };
  const open: OpenEntry = {
    kind: 'open',
    format: 1,
    origin: LONGEST_ORIGIN,
    time: ANY_TIME,
    why: 'recovered',
    size: LARGEST,
    frontier: Array.from({ length: SUBTREES }, () => EMPTY_ROOT),
    checkpoint: head,
    key: reference,
    epochSeq: LARGEST,
    step: LARGEST,
    every: { records: LARGEST, seconds: LARGEST, idleSeconds: LARGEST },
    torn: { bytes: LARGEST },
    adoptedFrom: LARGEST,
    after: { ...head, origin: LONGEST_ORIGIN },
  };
  return Buffer.byteLength(formatControlLeaf(LARGEST, open, kid, member)) + TAIL_LENGTH;
}

/** No signature is longer than the public key that verifies it, but for small ones and those of ML-DSA. */
function signatureLength({ spki, algorithm }: Signer): number {
  return isMlDsa(algorithm) ? TIME_LENGTH + ML_DSA[algorithm].signatureBytes : Math.max(spki?.length ?? 0, 128);
}

/** The checkpoint of a hand-over: both key periods sign, and the other one is like this one. */
function longestCheckpoint({ signers, note: noteKey, member }: Epoch): number {
  const line = (length: number): string => formatSignatureLine(LONGEST_ORIGIN, ANY_KEY_ID, Buffer.alloc(length));
  const signatures = signers.map(({ signer }) => line(signatureLength(signer)));
  const text = formatCheckpointText({ origin: LONGEST_ORIGIN, size: LARGEST, root: EMPTY_ROOT });
  const others = [...(noteKey ? [line(64)] : []), ...(member === 'mac' ? [line(32)] : [])];
  const note = formatNote(text, [...signatures, ...signatures, ...others]);
  return Buffer.byteLength(formatCheckpointLine(note));
}

/**
 * Refuses a key period under which a line of ours could grow too long for carriers.
 *
 * @throws {@link TamperError} `FORMAT_LIMIT`
 */
function checkLineRoom(epoch: Epoch): void {
  const lengths = { 'an open entry': longestOpen(epoch), 'a checkpoint line': longestCheckpoint(epoch) };
  for (const [what, length] of Object.entries(lengths)) {
    if (length <= CONTROL_WRITE_LIMIT) continue;
    const message = `with these keys ${what} of ${epoch.origin} may grow to ${length} bytes; the limit is ${CONTROL_WRITE_LIMIT}`;
    const hint = 'Use a shorter origin, shorter key names, or fewer signers.';
    throw new TamperError('FORMAT_LIMIT', message, { hint });
  }
}
