/** Whether a text is a key that somebody has put in the place of its name, its path or its variable. */

/** 32 bytes as hex, or most of them. */
const HEX = /^[0-9a-f]{48,}$/i;
/** 32 bytes as base64, and as base64url or most of it: letters of both cases, mixed as in no name, in which no word stands. */
const BASE64 = /^[A-Za-z0-9+/]{43}$/;
const BASE64URL = /^[A-Za-z0-9+_-]{40,}$/;
const WORD = /[a-z]{7}/;
/** So often one kind of character follows another in no name of people's; in 32 random bytes it is 28 times. */
const RUNS = 12;

function isKey(token: string): boolean {
  if (HEX.test(token)) return true;
  return (BASE64.test(token) || BASE64URL.test(token)) && !WORD.test(token) && isMixed(token);
}

function isMixed(token: string): boolean {
  if (!/[a-z]/.test(token) || !/[A-Z]/.test(token)) return false;
  const runs = token.match(/[a-z]+|[A-Z]+|[0-9]+|[^a-zA-Z0-9]+/g)?.length ?? 0;
  return runs >= RUNS;
}

/** `/a/b`: `/a/b`, `a/b`, `b`: base64 has slashes of its own. */
function* endings(token: string): Generator<string> {
  yield token;
  for (let at = token.indexOf('/'); at >= 0; at = token.indexOf('/', at + 1)) yield token.slice(at + 1);
}

/**
 * Whether somewhere in a text something reads like a key: 32 bytes as hex, base64 or base64url, most of them, or a private key in
 * PEM. Names and paths of people hold words.
 */
export function readsLikeKey(text: string): boolean {
  if (text.includes('-----BEGIN')) return true;
  const tokens = text.split(/[^A-Za-z0-9+/_=-]+|=(?=.*[^=])/);
  return tokens
    .flatMap((token) => [token, token.replace(/^0x/i, '')])
    .some((token) => [...endings(token)].some((one) => isKey(one.replace(/=+$/, ''))));
}

/** A name or path as it may be shown. */
export function shown(name: string): string {
  return readsLikeKey(name) ? '(not shown, it reads like a key)' : name;
}
