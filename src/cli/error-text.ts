import { systemCode } from '../errors.ts';
import { isTamperError } from '../index.ts';
import { isShortage } from './exit-code.ts';
import { printable } from './output.ts';
import { SHORTAGE_HINT, unexpectedText } from './uncaught.ts';
import { withoutTyped } from './without-typed.ts';

const program = 'fapilog-tamper';

/** What to do next, whatever was to be done with a path. */
const hints: ReadonlyMap<string, string> = new Map([
  ['EISDIR', 'That is a directory: name a file in it.'],
  ['ENXIO', 'That is a socket or a device: name a regular file.'],
  ['ELOOP', 'That is a symbolic link that leads in a circle, or must not be one: name the file itself.'],
  ['EEXIST', 'Something else has that name already: choose another one.'],
  [
    'ENAMETOOLONG',
    'Choose a shorter name: most file systems take 255 bytes, and the names of closed files are about 50 bytes longer.',
  ],
]);

/** An error as people read it: code, message, hint; the stack only for our own bugs. What was `typed` and may be a key is not shown. */
export function errorText(error: unknown, typed: readonly string[] = []): string {
  return withoutTyped(textOf(error, typed), typed);
}

function textOf(error: unknown, typed: readonly string[]): string {
  if (isTamperError(error) && error.code !== 'INTERNAL') {
    const next = isShortage(error.cause) ? SHORTAGE_HINT : (hints.get(systemCode(error.cause)) ?? error.hint);
    const hint = next === undefined ? '' : `  hint: ${printable(withoutTyped(next, typed))}\n`;
    const request = error.requestId === undefined ? '' : `  request id: ${printable(error.requestId)}\n`;
    return `${program}: ${error.code}: ${printable(withoutTyped(error.message, typed))}\n${hint}${request}`;
  }
  return unexpectedText(error);
}
