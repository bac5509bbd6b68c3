import { dirname, normalize } from 'node:path';
import { isTamperError, systemCode } from '../errors.ts';
import { readsLikeKey, shown, withoutPasswords } from '../internal.ts';
import { isShortage } from './exit-code.ts';
import { printable } from './output.ts';
import { SHORTAGE_HINT, unexpectedText } from './uncaught.ts';

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

/** No secret is shorter, in characters. */
const SHORTEST_SECRET = 8;

/** A text without those of `typed` that may not be shown, as they are, as JSON spells them, and as a path or its folder. */
export function withoutTyped(text: string, typed: readonly string[]): string {
  let open = withoutPasswords(text);
  for (const one of typed.flatMap((word) => [word, word.slice(word.indexOf('=') + 1), word.replace(/^-+/, '')])) {
    if (one.length < SHORTEST_SECRET || !readsLikeKey(one)) continue;
    for (const spelt of spellingsOf(one)) {
      if (spelt.length >= SHORTEST_SECRET) open = open.replaceAll(spelt, shown(one));
    }
  }
  return open;
}

/** How a message may spell what was typed, the longest first. */
function spellingsOf(text: string): string[] {
  const path = normalize(text);
  return [text, JSON.stringify(text).slice(1, -1), path, text.replace(/=+$/, ''), dirname(text), dirname(path)];
}
