import { isError } from '../errors.ts';
import { isTamperError } from '../index.ts';
import { printable } from './output.ts';

const program = 'fapilog-tamper';

/** An error as people read it: code, message, hint; the stack only for our own bugs. */
export function errorText(error: unknown): string {
  if (isTamperError(error) && error.code !== 'INTERNAL') {
    const hint = error.hint === undefined ? '' : `  hint: ${printable(error.hint)}\n`;
    const request = error.requestId === undefined ? '' : `  request id: ${printable(error.requestId)}\n`;
    return `${program}: ${error.code}: ${printable(error.message)}\n${hint}${request}`;
  }
  const stack = isError(error) ? (error.stack ?? error.message) : String(error);
  return `${program}: INTERNAL: this is a bug in ${program}, please report it\n${stack}\n`;
}
