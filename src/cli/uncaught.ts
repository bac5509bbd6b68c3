import { isError } from '../errors.ts';
import { exitCodeOf, isShortage } from './exit-code.ts';

/** Errors that no command expects. This file imports little, because it must load even if the rest of the package cannot. */

const program = 'fapilog-tamper';

/** An error that is none of the package's own, as people read it. */
export function unexpectedText(error: unknown): string {
  if (isShortage(error)) return `${notTaken}${program}: READ_FAILED: ${error.message}\n  hint: ${SHORTAGE_HINT}\n`;
  const stack = isError(error) ? (error.stack ?? error.message) : String(error);
  return `${program}: INTERNAL: this is a bug in ${program}, please report it\n${stack}\n`;
}

/** What `seal` says if it took `bytes` bytes of an input that goes on. */
export function leftBehindText(bytes: number): string {
  return `${program}: standard input was not read to its end: anything after its first ${bytes} bytes was not taken\n`;
}

let notTaken = process.argv[2] === 'seal' ? leftBehindText(0) : '';

/** From now on `seal` itself says how much of its input it took. */
export function readsInput(): void {
  notTaken = '';
}

/** What to do if {@link isShortage}, whatever was read. */
export const SHORTAGE_HINT = 'Raise the limits of this process (ulimit -n), then run the command again.';

/** Ends the process at an error that nobody catches. Node.js by itself exits with 1 then, which says "tampered" (spec 8). */
export function endAtUncaught(): void {
  process.on('uncaughtException', (error) => {
    process.stderr.write(unexpectedText(error));
    process.exit(exitCodeOf(error));
  });
}
