import { isError } from '../errors.ts';
import { isTamperError } from '../index.ts';
import { printable } from './output.ts';
import { withoutTyped } from './without-typed.ts';

const program = 'fapilog-tamper';

/** An error as people read it: code, message, hint; the stack only for our own bugs. What was `typed` and may be a key is not shown. */
export function errorText(error: unknown, typed: readonly string[] = []): string {
  return withoutTyped(textOf(error, typed), typed);
}

function textOf(error: unknown, typed: readonly string[]): string {
  if (isTamperError(error) && error.code !== 'INTERNAL') {
    const hint = error.hint === undefined ? '' : `  hint: ${printable(withoutTyped(error.hint, typed))}\n`;
    const request = error.requestId === undefined ? '' : `  request id: ${printable(error.requestId)}\n`;
    return `${program}: ${error.code}: ${printable(withoutTyped(error.message, typed))}\n${hint}${request}`;
  }
  const stack = isError(error) ? (error.stack ?? error.message) : String(error);
  return `${program}: INTERNAL: this is a bug in ${program}, please report it\n${stack}\n`;
}
