import { dirname, normalize } from 'node:path';
import { readsLikeKey, shown, withoutPasswords } from '../internal.ts';

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
