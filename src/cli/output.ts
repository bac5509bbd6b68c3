import type { Writable } from 'node:stream';
import { isTamperError, systemCode, TamperError } from '../errors.ts';
import type { CommandIo } from './command.ts';

/**
 * Writes text and waits until it was taken.
 *
 * @throws WRITE_FAILED where the other end is gone or the disk is full
 */
export function writeAll(stream: Writable, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      reject(new TamperError('WRITE_FAILED', `cannot write the output: ${cause.message}`, { cause }));
    };
    stream.once('error', fail);
    stream.write(text, (error) => {
      if (error) {
        fail(error); // the same error comes as an event, which the listener takes
        return;
      }
      stream.off('error', fail);
      resolve();
    });
  });
}

/** What a pipe says of a reader who has enough, as `head` has. */
const READER_GONE: readonly unknown[] = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/**
 * Prints for whoever reads along. A reader who closes the pipe has seen enough, which is no failure of the command.
 *
 * @returns false where nobody reads any more
 * @throws WRITE_FAILED where the disk is full
 */
export async function print(stream: Writable, text: string | Uint8Array): Promise<boolean> {
  try {
    await writeAll(stream, text);
    return true;
  } catch (error) {
    if (isTamperError(error, 'WRITE_FAILED') && READER_GONE.includes(systemCode(error.cause))) return false;
    throw error;
  }
}

/** Says something to whoever may listen: that it cannot be said changes nothing about what was done. */
export async function tell(stream: Writable, text: string): Promise<void> {
  try {
    await writeAll(stream, text);
  } catch (error) {
    if (!isTamperError(error, 'WRITE_FAILED')) throw error;
  }
}

/**
 * JSON whose strings are safe for a terminal: C1, DEL, bidirectional and other invisible characters are escaped, as JSON
 * escapes C0 by itself.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replaceAll(/[\u007f-\u009f\u2028\u2029]|\p{Cf}/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      const unit = character.charCodeAt(at);
      return `\\u${unit.toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

/** Text that may come from a file or a server, made safe for a terminal: control characters are shown, not sent. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

/** Verdicts at the beginning of a line, and severities of findings. */
const VERDICT = /^(?:OK|TAMPERED|UNDECIDED)\b|^ +(?:tampered|undecided)(?= )/gm;
const COLOR: Readonly<Record<string, number>> = { OK: 32, TAMPERED: 31, UNDECIDED: 33 };

/** Prints a report: in a terminal with its verdicts in color, unless `NO_COLOR` is set; also into a pipe with `FORCE_COLOR`. */
export async function printReport({ stdout, env }: Pick<CommandIo, 'stdout' | 'env'>, text: string): Promise<void> {
  const { FORCE_COLOR: forced, NO_COLOR: none = '', TERM: terminal } = env;
  const isAsked = forced === undefined ? none === '' && terminal !== 'dumb' && stdout.isTTY === true : forced !== '0';
  const color = (found: string): string => `\u001b[${COLOR[found.trim().toUpperCase()]}m${found}\u001b[39m`;
  await print(stdout, isAsked ? text.replaceAll(VERDICT, color) : text);
}
