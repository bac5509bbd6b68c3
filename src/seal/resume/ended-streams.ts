import { constants, fstatSync } from 'node:fs';
import { Frontier } from '../../core/tree.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import { formatCheckpointText, ownSignatureLines, parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { signersOf } from '../../format/key-reference.ts';
import type { Clock } from '../../foundation/clock.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { formatStamp } from '../../foundation/time.ts';
import { keyStateOf } from '../../keys/key-life.ts';
import { pause } from '../../keys/retry.ts';
import { hasSignatures, signNote } from '../checkpoint/note-signing.ts';
import { filesOf } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import { setAside } from '../disk/set-aside.ts';
import { isPassing } from '../disk/sink.ts';
import { FileSink } from '../disk/sink-file.ts';
import { StateFile } from '../disk/state.ts';
import type { StreamState } from '../disk/state-record.ts';
import { Epoch } from '../epoch/epoch.ts';
import { Outage } from '../epoch/outage.ts';
import { readLines } from './line-reader.ts';
import { lastKnownEntry, whereItIs } from './recovery.ts';
import type { StreamSite } from './stream-site.ts';

/** So many streams back are looked at. */
const MOST = 32;

/** What the last checkpoints of ended streams are signed with. */
export interface EndedStreamsOptions {
  readonly site: StreamSite;
  /** The key period of the run that has begun: its sources sign for the keys of those before it. */
  readonly epoch: Epoch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Something that the log goes on without. */
  readonly warn: (error: unknown) => void;
}

type Ended = StreamState & { readonly current: NonNullable<StreamState['current']> };

/**
 * `rotate_chain`: signs the last checkpoint of streams whose process ended between their close and its signature. What is
 * signed is the close that their state holds, which was durable before the next stream cited it; their file is not asked.
 * Resolves when nothing is left to do, or to be hoped for.
 */
export async function signEndedStreams(options: EndedStreamsOptions): Promise<void> {
  const outage = new Outage(options.clock);
  for (const ended of endedBefore(options)) {
    for (;;) {
      try {
        await signEnd(ended, options);
        break;
      } catch (error) {
        if (options.signal.aborted) return;
        outage.failed();
        const mayPass =
          isTamperError(error) && keyStateOf(error) === undefined && !isTamperError(error, 'STATE_CONFLICT');
        if (!mayPass && !isPassing(error, 'run')) {
          options.warn(unsigned(ended, error));
          break;
        }
        if (!(await waited(outage.wait(error), options))) return;
      }
    }
  }
}

/** @returns false if the run has ended meanwhile */
async function waited(ms: number, { signal, clock }: EndedStreamsOptions): Promise<boolean> {
  try {
    await pause(ms, 'waiting for a signature', signal, clock);
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}

/** The streams that this one continues, the newest first, as far back as their states lead. */
function* endedBefore({ site, warn }: EndedStreamsOptions): Generator<Ended> {
  let { after } = site.state;
  for (let left = MOST; after !== undefined && left > 0; left--) {
    let state: StreamState | undefined;
    try {
      state = new StateFile(filesOf(site.stateDir, after.origin).state, site.lock).read();
    } catch (error) {
      warn(error);
      return;
    }
    if (state?.current === undefined || state.size !== after.size || rootOf(state) !== after.root) return;
    yield { ...state, current: state.current };
    ({ after } = state);
  }
}

async function signEnd(ended: Ended, { site, epoch, signal, clock, warn }: EndedStreamsOptions): Promise<void> {
  const { origin, size } = ended;
  const reference = ended.current.key;
  const signers = signersOf(reference).flatMap((signer) => {
    const signing = epoch.signers.find((one) => one.signer.source === signer.source)?.signing;
    return signing === undefined ? [] : [{ signer, signing }];
  });
  if (signers.length === 0 || signers.length < signersOf(reference).length) return;
  const state = whereItIs(ended);
  const before = openEnd(state, clock.now());
  if (before === undefined || isSigned(before.notes, ended)) return;
  const mac = ended.pending?.size === size ? parseSignedCheckpoint(ended.pending.note) : undefined;
  const job = {
    size,
    text: formatCheckpointText({ origin, size, root: rootOf(ended) }),
    macLine: mac && ownSignatureLines(mac).join(''),
    epoch: new Epoch({ origin, number: ended.current.epoch, reference, signers }),
    coSigners: [],
  };
  const note = await signNote(job, signal, warn, () => undefined);
  if (signal.aborted) return;
  const sink = new FileSink(state.file, { lease: site.lock, holds: before.end });
  try {
    const line = Buffer.from(`${formatCheckpointLine(note)}\n`);
    if (sink.write(line, 0, line.length) < line.length) {
      throw new TamperError('WRITE_FAILED', `${state.file} cannot take any more data`, { cause: sink.obstacle?.cause });
    }
    sink.datasyncSync();
  } finally {
    sink.close();
  }
}

/**
 * The checkpoint lines behind the close of a stream that has ended; what a crash left of another one is set aside.
 *
 * @returns undefined if the file is not there any more, or does not end with a close
 */
function openEnd(state: StreamState, now: number): { notes: string[]; end: number } | undefined {
  let fd: number;
  try {
    fd = openRegular(state.file, constants.O_RDWR);
  } catch (error) {
    if (isPassing(error, 'run') || isTamperError(error)) return undefined; // moved, compressed, deleted
    throw error;
  }
  try {
    const last = lastKnownEntry(fd, state);
    if (last?.kind !== 'close' || last.continuedBy === undefined) return undefined;
    const notes: string[] = [];
    let end = state.offset;
    for (const { bytes, offset } of readLines(fd, state.offset)) {
      const line = classifyLine(bytes);
      if (line.type !== 'checkpoint' || line.note === undefined) break;
      notes.push(line.note);
      end = offset + bytes.length + 1;
    }
    if (fstatSync(fd).size > end) setAside(fd, state.file, end, formatStamp(now));
    return { notes, end };
  } finally {
    closeDescriptor(fd);
  }
}

/** Whether one of the notes says all that the key period promises of its last checkpoint. */
function isSigned(notes: readonly string[], { size, current }: Ended): boolean {
  return notes.some((note) => parseSignedCheckpoint(note)?.size === size && hasSignatures(note, current.key));
}

function rootOf({ size, frontier }: StreamState): string {
  return new Frontier(size, frontier).root();
}

function unsigned({ origin, size }: Ended, cause: unknown): TamperError {
  return new TamperError(
    'KEY_VERSION_UNAVAILABLE',
    `the end of ${origin}, at entry ${size}, stays without a signature`,
    {
      cause,
      hint: 'What its key had signed before stays covered. Make the key available, and start the writer again.',
    },
  );
}
