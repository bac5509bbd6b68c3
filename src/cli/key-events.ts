import { setTimeout as delay } from 'node:timers/promises';
import { asError, TamperError } from '../errors.ts';
import { type KeyEvent, onKeyEvent } from '../index.ts';
import { appendDurably, readsLikeKey } from '../internal.ts';

/** What every file of key events begins with. */
const FIRST = '{"time":"';
/** Ours alone: it says who uses which key, and when. */
const FILE_MODE = 0o600;
/** So many characters wait for a disk that does not answer; what comes then is lost, and said to be. */
const MOST_WAITING = 1_048_576;
/** So long a start waits for such a disk, and an end, in milliseconds. */
const START_MS = 10_000;
const END_MS = 2_000;

/**
 * Appends every use of a key to a file, one JSON object a line: an audit trail beside that of the key service. Events hold no
 * secret. Sealing never waits for the file.
 *
 * @param warn - told once if an event cannot be written; sealing goes on
 * @returns a function that ends it
 * @throws WRITE_FAILED if the file cannot be opened; USAGE for a key in the place of its name
 */
export async function recordKeyEvents(path: string, warn: (error: TamperError) => void): Promise<() => Promise<void>> {
  if (readsLikeKey(path)) {
    throw new TamperError('USAGE', '--key-events was given what looks like a key, not the name of a file', {
      hint: 'Name the file that key events are appended to.',
    });
  }
  const opened = answered(append(path, ''), START_MS);
  await opened.catch((cause: unknown) => {
    throw new TamperError('WRITE_FAILED', `${path} cannot be opened for key events: ${asError(cause).message}`, {
      cause,
      hint: 'Name a file of its own in a directory that exists and that this user may write to. A symbolic link is not followed.',
    });
  });
  let waiting = '';
  let writing: Promise<void> | undefined;
  let isTold = false;
  const tell = (why: string, cause?: unknown): void => {
    if (!isTold) warn(new TamperError('WRITE_FAILED', `${path} cannot take key events: ${why}`, { cause }));
    isTold = true;
  };
  const write = async (): Promise<void> => {
    while (waiting !== '') {
      const text = waiting;
      waiting = '';
      try {
        await append(path, text);
        isTold = false;
      } catch (cause) {
        tell(asError(cause).message, cause);
      }
    }
    writing = undefined;
  };
  const forget = onKeyEvent((event) => {
    if (waiting.length > MOST_WAITING) return tell('it does not answer');
    waiting += `${formatKeyEvent(event)}\n`;
    writing ??= write();
  });
  return async () => {
    forget();
    await answered(writing, END_MS).catch((cause: unknown) => tell(asError(cause).message, cause));
  };
}

/** What an action comes to. @throws TIMEOUT if that takes longer, as it does on a mount that does not answer */
async function answered(action: Promise<void> | undefined, ms: number): Promise<void> {
  const late = delay(ms, undefined, { ref: false }).then(() => {
    throw new TamperError('TIMEOUT', `it does not answer within ${ms} ms`);
  });
  late.catch(() => undefined); // after the action has ended it is nobody's
  return Promise.race([action, late]);
}

const append = async (path: string, text: string): Promise<void> =>
  appendDurably(path, text, FILE_MODE, { most: FIRST.length, check: (beginning) => refuseOther(path, beginning) });

function refuseOther(path: string, beginning: Buffer): void {
  if (beginning.length === 0 || beginning.toString('latin1') === FIRST) return;
  throw new TamperError('WRITE_FAILED', `${path} contains something other than key events`, {
    hint: 'Name a file for key events alone: they are appended to it.',
  });
}

function formatKeyEvent({ startedAt, ...event }: KeyEvent): string {
  return JSON.stringify({ time: new Date(startedAt).toISOString(), ...event });
}
