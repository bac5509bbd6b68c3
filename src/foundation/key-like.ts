import { basename } from 'node:path';

/** Whether a text is a key that somebody has put in the place of its name, its path or its variable. */

/** 32 bytes in one of the spellings of a key: hex, or canonical base64 or base64url, whose last digit has two bits to spare. */
const WHOLE = /^(?:[0-9a-fA-F]{64}|(?:[A-Za-z0-9+/]{42}|[A-Za-z0-9_-]{42})[AEIMQUYcgkosw048]=?)$/;
/** Most of one, as hex or as base64url. */
const MOST_HEX = /^[0-9a-f]{48,}$/i;
const MOST_BASE64URL = /^[A-Za-z0-9+_-]{40,}$/;
/** What tokens of Vault, of webhooks and of identity services begin with. */
const TOKEN =
  /(?:^|[^A-Za-z0-9])(?:hv[sbr]\.[\w-]{20,}|[sbr]\.[A-Za-z0-9]{24}(?![\w.])|whsec_[A-Za-z0-9+/]{8,}|eyJ[\w-]{8,}\.[\w-]+)/;
/** An address with a user or a password before its host. */
const WITH_PASSWORD = /([a-z][a-z0-9+.-]*:\/+)[^/?#\s@]+@(?=[^\s/])/gi;
const WORD = /[a-z]{7}/;
/** A verifier key, which is public (C2SP signed-note): its name, its key id, and more bytes than a secret of 32. */
const VERIFIER_KEY = /^([^+\s]+)\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44,}={0,2}$/;
/** What stands in the place of what may not be shown. */
const HIDDEN = '(not shown, it looks like a key)';
/** So often one kind of character follows another in no name of people's; in 32 random bytes it is 28 times. */
const RUNS = 12;

/** Letters of both cases, mixed as in no name. */
function isMixed(token: string): boolean {
  if (!/[a-z]/.test(token) || !/[A-Z]/.test(token)) return false;
  const runs = token.match(/[a-z]+|[A-Z]+|[0-9]+|[^a-zA-Z0-9]+/g)?.length ?? 0;
  return runs >= RUNS;
}

function isMostOfKey(token: string): boolean {
  if (MOST_HEX.test(token)) return true;
  return isMixed(token) && (WHOLE.test(token) || (MOST_BASE64URL.test(token) && !WORD.test(token)));
}

/** `/a/b`: `/a/b`, `a/b`, `b`: base64 has slashes of its own. */
function* endings(token: string): Generator<string> {
  yield token;
  for (let at = token.indexOf('/'); at >= 0; at = token.indexOf('/', at + 1)) yield token.slice(at + 1);
}

/**
 * Whether a text is a key, or something in it reads like one: 32 bytes as hex, base64 or base64url, most of them, a private key in
 * PEM or as a signer of notes, a token, an address with a password. Names and paths of people hold words, and a verifier key is public.
 */
export function readsLikeKey(text: string): boolean {
  const verifier = VERIFIER_KEY.exec(text)?.[1];
  if (verifier !== undefined) return readsLikeKey(verifier);
  if (isKey(text) || hasPassword(text) || WHOLE.test(basename(text))) return true;
  const tokens = text.split(/[^A-Za-z0-9+/_=-]+|=(?=.*[^=])/);
  return tokens
    .flatMap((token) => [token, token.replace(/^(?:0x|-+)/i, '')])
    .some((token) => [...endings(token)].some((one) => isMostOfKey(one.replace(/=+$/, ''))));
}

/** Whether a text as a whole is 32 bytes of a key, or holds a private key or a token. No path of people's is. */
export function isKey(text: string): boolean {
  return text.includes('-----BEGIN') || text.includes('PRIVATE+KEY+') || TOKEN.test(text) || WHOLE.test(text.trim());
}

/** Whether a text is an address with a user or a password in it: `https://user:password@host`. */
export function hasPassword(text: string): boolean {
  return text.search(WITH_PASSWORD) >= 0;
}

/** A text without the users and passwords of the addresses in it. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(WITH_PASSWORD, '$1…@');
}

/** A name or path as it may be shown. */
export function shown(name: string): string {
  return readsLikeKey(name) ? HIDDEN : name;
}

/** The cause of an error about a name or path, which names it as well: left out where it may not be shown. */
export function causeAbout(name: string, cause: unknown): { readonly cause?: unknown } {
  return readsLikeKey(name) ? {} : { cause };
}
