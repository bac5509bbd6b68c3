import { isTamperError } from '../index.ts';
import { isShortage } from './exit-code.ts';
import { printable } from './output.ts';
import { SHORTAGE_HINT, unexpectedText } from './uncaught.ts';
import { withoutTyped } from './without-typed.ts';

const program = 'fapilog-tamper';

/** An error as people read it: code, message, hint; the stack only for our own bugs. What was `typed` and may be a key is not shown. */
export function errorText(error: unknown, typed: readonly string[] = []): string {
  return withoutTyped(textOf(error, typed), typed);
}

function textOf(error: unknown, typed: readonly string[]): string {
  if (isTamperError(error) && error.code !== 'INTERNAL') {
    const next = isShortage(error.cause) ? SHORTAGE_HINT : error.hint;
    const hint = next === undefined ? '' : `  hint: ${printable(withoutTyped(next, typed))}\n`;
    const request = error.requestId === undefined ? '' : `  request id: ${printable(error.requestId)}\n`;
    return `${program}: ${error.code}: ${printable(withoutTyped(error.message, typed))}\n${hint}${request}`;
  }
  return unexpectedText(error);
}
