import { basename } from 'node:path';

/** Whether a text is a key that somebody has put in the place of its name, its path or its variable. */

/** 32 bytes in one of the spellings of a key: hex, or canonical base64 or base64url, whose last digit has two bits to spare. */
const WHOLE = /^(?:[0-9a-fA-F]{64}|(?:[A-Za-z0-9+/]{42}|[A-Za-z0-9_-]{42})[AEIMQUYcgkosw048]=?)$/;
/** Most of one, as hex or as base64url. */
const MOST_HEX = /^[0-9a-f]{48,}$/i;
const MOST_BASE64URL = /^[A-Za-z0-9+_-]{40,}$/;
const WORD = /[a-z]{7}/;
/** So often one kind of character follows another in no name of people's; in 32 random bytes it is 28 times. */
const RUNS = 12;

/** Letters of both cases, mixed as in no name. */
function isMixed(token: string): boolean {
  if (!/[a-z]/.test(token) || !/[A-Z]/.test(token)) return false;
  const runs = token.match(/[a-z]+|[A-Z]+|[0-9]+|[^a-zA-Z0-9]+/g)?.length ?? 0;
  return runs >= RUNS;
}

function isKey(token: string): boolean {
  if (MOST_HEX.test(token)) return true;
  return isMixed(token) && (WHOLE.test(token) || (MOST_BASE64URL.test(token) && !WORD.test(token)));
}

/** `/a/b`: `/a/b`, `a/b`, `b`: base64 has slashes of its own. */
function* endings(token: string): Generator<string> {
  yield token;
  for (let at = token.indexOf('/'); at >= 0; at = token.indexOf('/', at + 1)) yield token.slice(at + 1);
}

/**
 * Whether a text is a key, or something in it reads like one: 32 bytes as hex, base64 or base64url, most of them, or a private key
 * in PEM. Names and paths of people hold words.
 */
export function readsLikeKey(text: string): boolean {
  if (text.includes('-----BEGIN') || WHOLE.test(text) || WHOLE.test(basename(text))) return true;
  const tokens = text.split(/[^A-Za-z0-9+/_=-]+|=(?=.*[^=])/);
  return tokens
    .flatMap((token) => [token, token.replace(/^0x/i, '')])
    .some((token) => [...endings(token)].some((one) => isKey(one.replace(/=+$/, ''))));
}

/** A name or path as it may be shown. */
export function shown(name: string): string {
  return readsLikeKey(name) ? '(not shown, it looks like a key)' : name;
}

/** The cause of an error about a name or path, which names it as well: left out where it may not be shown. */
export function causeAbout(name: string, cause: unknown): { readonly cause?: unknown } {
  return readsLikeKey(name) ? {} : { cause };
}
