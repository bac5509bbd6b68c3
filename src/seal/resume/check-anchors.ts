import { isTamperError, TamperError } from '../../errors.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { type KeyReference, type Signer, signersOf } from '../../format/key-reference.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { inTime } from '../../foundation/steps.ts';
import { shownName, whyText } from '../anchor/anchor-name.ts';
import { type AskOptions, notesOf } from '../anchor/asked-anchors.ts';
import type { KnownStream } from '../anchor/object-anchor.ts';
import { checkNote, isConfirmed, keyText } from '../checkpoint/note-signing.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { stateConflict } from './recovery.ts';
import { openingsOf, rootAt } from './root-at.ts';
import { rootOf, type StreamSite } from './stream-site.ts';

/** A start waits no longer for an anchor, in milliseconds. */
const ASK_LIMIT = 5_000;

/** The longest time to compare checkpoints that no known key signed with the files, in milliseconds: there may be any number. */
const COMPARE_LIMIT = 5_000;

/** So long it waits for one once the log is to be closed, in milliseconds: a short job is to seal its lines, not to leave them. */
const LAST_WAIT = 750;

/** What anchors are asked about, and how. */
export interface AnchorCheck extends Pick<AskOptions, 'openBucket' | 'signal'> {
  readonly names: readonly string[];
  readonly site: StreamSite;
  /** The key period that is about to begin: its keys are known. */
  readonly epoch: Epoch;
  /** Fires when the log is to be closed. */
  readonly closing: AbortSignal;
  readonly warn: (error: unknown) => void;
}

/** What an anchor has to say of a stream. */
interface Said {
  /** The newest checkpoint that somebody known signed. */
  readonly signed: SignedCheckpoint | undefined;
  /** Those that the anchor gives before it, and that may not be ones of this stream. */
  readonly strange: readonly SignedCheckpoint[];
}

/**
 * What an anchor has seen must be in the stream (spec 6, M6.5): the newest checkpoint that each has, of those that a known key
 * signed, is not larger than the stream, and has its root. What nobody known signed is told of and stops nothing, and so is an
 * anchor that cannot be asked: a log must not depend on a second place.
 *
 * @throws {@link TamperError} `STATE_CONFLICT`; `UNSAFE_PATH` where an anchor is a file that is none
 */
export async function checkAnchors({
  names,
  site,
  epoch,
  openBucket,
  signal,
  closing,
  warn,
}: AnchorCheck): Promise<void> {
  const signers = new KnownSigners(site, epoch, warn);
  const late = soonAfter(closing);
  const answers = await Promise.all(
    names.map(async (name) => {
      const what = `the anchor ${shownName(name)}`;
      return { what, ...(await newestIn(what, name, { site, signers, openBucket, signal, late, warn })) };
    }),
  );
  for (const { what, signed, strange } of answers) {
    const own = signed === undefined || (await isHere(what, signed, site, signal));
    if (own === false) {
      throw stateConflict(
        `${what} holds a checkpoint of ${site.origin} at size ${signed.size} that contradicts the files`,
      );
    }
    const other = await firstOther(what, strange, { site, signal, withoutSigners: signers.isEmpty });
    for (const error of [own, other]) if (isTamperError(error)) warn(error);
  }
}

interface Asking extends Pick<AnchorCheck, 'site' | 'openBucket' | 'signal' | 'warn'> {
  readonly signers: KnownSigners;
  /** Fires when it is too late to wait. */
  readonly late: AbortSignal;
}

function soonAfter(closing: AbortSignal): AbortSignal {
  const late = new AbortController();
  const wait = (): void => abortLater(late, LAST_WAIT);
  if (closing.aborted) wait();
  else closing.addEventListener('abort', wait, { once: true });
  return late.signal;
}

function abortLater(late: AbortController, ms: number): void {
  setTimeout(() => late.abort(), ms).unref();
}

async function newestIn(
  what: string,
  name: string,
  { site, signers, openBucket, signal, late, warn }: Asking,
): Promise<Said> {
  const { origin, resumption } = site;
  const checkpoints = resumption.candidates.map(({ size }) => size);
  const checkpointed = checkpoints.length === 0 ? undefined : Math.max(...checkpoints);
  const known: KnownStream = { origin, size: resumption.size, checkpointed };
  const misnamed: string[] = [];
  const strange: SignedCheckpoint[] = [];
  try {
    const either = AbortSignal.any([signal, late]);
    return await withDeadline({ what, timeoutMs: ASK_LIMIT, signal: either }, async (within) => {
      const asked = { timeoutMs: ASK_LIMIT, signal: within, openBucket, strange: (key: string) => misnamed.push(key) };
      let notes = 0;
      for await (const note of notesOf(name, known, asked)) {
        notes++;
        if (await signers.signed(note)) return { signed: note, strange };
        if (rootHere(site, note.size) !== note.root) strange.push(note);
        if (signers.isEmpty) break; // the next one would be nobody's either
        await new Promise((resolve) => setImmediate(resolve)); // there may be any number, and the deadline is to come
        within.throwIfAborted();
      }
      if (notes === 0 && misnamed.length === 0) {
        throw new TamperError('NOT_FOUND', 'it has no checkpoint of this log, which has some');
      }
      return { signed: undefined, strange };
    });
  } catch (cause) {
    if (isTamperError(cause, 'UNSAFE_PATH')) throw cause;
    const isNew = isTamperError(cause, 'NOT_FOUND') && checkpointed === undefined;
    if (!isNew && !signal.aborted) warn(notAsked(what, late.aborted ? closedMeanwhile(what, cause) : cause));
    return { signed: undefined, strange };
  } finally {
    if (misnamed.length > 0) warn(misplaced(what, misnamed));
  }
}

/**
 * The warning of the first checkpoint that is not of this stream; copied ones of this stream before it do not hide it. If there
 * is none, of the first that cannot be compared.
 */
async function firstOther(
  what: string,
  strange: readonly SignedCheckpoint[],
  { site, signal, withoutSigners }: Pick<AnchorCheck, 'site' | 'signal'> & { readonly withoutSigners: boolean },
): Promise<TamperError | undefined> {
  const late = new AbortController();
  if (strange.length > 0) abortLater(late, COMPARE_LIMIT);
  const either = AbortSignal.any([signal, late.signal]);
  let unknown: TamperError | undefined;
  for (const note of strange) {
    const own = await isHere(what, note, site, either);
    if (own === false) return unsigned(what, note, withoutSigners);
    if (own !== true) unknown ??= own;
  }
  return unknown;
}

/** Whether a checkpoint is one of this stream as it is here. @returns the warning to give if the files that are here do not say it */
async function isHere(
  what: string,
  { size, root }: SignedCheckpoint,
  site: StreamSite,
  signal: AbortSignal,
): Promise<boolean | TamperError> {
  if (size > site.resumption.size) return false;
  try {
    const own = rootHere(site, size) ?? (await rootAt(site, size, signal));
    return own === undefined ? notCompared(what, size) : own === root;
  } catch (cause) {
    return notCompared(what, size, cause);
  }
}

/** The root at a size that the start knows without reading. */
function rootHere({ resumption }: StreamSite, size: number): string | undefined {
  if (size === resumption.size) return rootOf(resumption);
  return resumption.candidates.find((one) => one.size === size)?.root;
}

function unsigned(what: string, { origin, size }: SignedCheckpoint, withoutSigners: boolean): TamperError {
  return new TamperError(
    withoutSigners ? 'STATE_CONFLICT' : 'RESPONSE_MALFORMED',
    `${what} holds a checkpoint of ${origin} at size ${size} that is not one of this log, and that no key of this log signed`,
    {
      hint: withoutSigners
        ? 'This log has no signing key, so it is unknown whether the log was rolled back or the anchor is wrong: keep both, and compare with verify --since.'
        : 'The log goes on. Find out who wrote it there. If a retired key of this log did, the log was rolled back: keep both, and compare with verify --since.',
    },
  );
}

function misplaced(what: string, [first = '', ...more]: readonly string[]): TamperError {
  const others =
    more.length === 0 ? '' : more.length === 1 ? ', and neither is 1 more' : `, and neither are ${more.length} more`;
  return new TamperError(
    'RESPONSE_MALFORMED',
    `${what}: the object ${first} is not the signed checkpoint that its name says${others}`,
    {
      hint: 'It was passed over. Find out who put it there: only the writer of this log should write to this prefix.',
    },
  );
}

function notCompared(what: string, size: number, cause?: unknown): TamperError {
  return new TamperError(
    'READ_FAILED',
    `${what} holds a checkpoint at size ${size}, and the files that are here cannot be compared with it`,
    { cause, hint: 'The log goes on. Compare by hand, with verify --since and all files of the log.' },
  );
}

function closedMeanwhile(what: string, cause: unknown): TamperError {
  return new TamperError('TIMEOUT', `${what}: no answer before the log was closed`, { cause });
}

function notAsked(what: string, cause: unknown): TamperError {
  return new TamperError('UNAVAILABLE', `${what} could not be asked for its newest checkpoint${whyText(cause)}`, {
    cause,
    hint: 'The log goes on. Had its state been rolled back, only this anchor would have shown it: compare by hand, with verify --since.',
  });
}

/**
 * Whose word counts about a stream at its start: the keys that it is to be signed with now, and those that its own state and
 * files name, retired ones among them.
 */
class KnownSigners {
  readonly #site: StreamSite;
  readonly #epoch: Epoch;
  readonly #warn: (error: unknown) => void;
  readonly #signers: Signer[] = [];
  #retired: Promise<readonly Signer[]> | undefined;

  constructor(site: StreamSite, epoch: Epoch, warn: (error: unknown) => void) {
    this.#site = site;
    this.#epoch = epoch;
    this.#warn = warn;
    const { state, resumption } = site;
    const references = [epoch.reference, state.current?.key, state.checkpoint?.key, resumption.current?.key];
    for (const reference of [...references, ...resumption.candidates.map(({ key }) => key)]) {
      if (reference !== undefined) this.#add(this.#signers, reference);
    }
  }

  /** Whether the stream is sealed with a data key alone: nobody but its writer of the time could check its checkpoints. */
  get isEmpty(): boolean {
    return this.#signers.length === 0;
  }

  /** Whether one of them signed a checkpoint. */
  async signed(checkpoint: SignedCheckpoint): Promise<boolean> {
    if (await this.#isSignedBy(this.#signers, checkpoint)) return true;
    // the files are looked through once, and only where somebody else's word is to be judged
    this.#retired ??= this.#findRetired();
    return this.#isSignedBy(await this.#retired, checkpoint);
  }

  async #isSignedBy(signers: readonly Signer[], checkpoint: SignedCheckpoint): Promise<boolean> {
    const key: KeyReference = { records: 'hash', signers };
    if ((await inTime(checkNote(checkpoint, key))) === 'signed') return true;
    return inTime(isConfirmed(checkpoint, key, this.#epoch, this.#warn));
  }

  async #findRetired(): Promise<readonly Signer[]> {
    const found: Signer[] = [];
    for await (const { open } of openingsOf(this.#site)) this.#add(found, open.key);
    return found;
  }

  #add(signers: Signer[], reference: KeyReference): void {
    const known = new Set([...this.#signers, ...signers].map(keyText));
    signers.push(...signersOf(reference).filter((signer) => !known.has(keyText(signer))));
  }
}
