/**
 * Whether a word from outside may be quoted: letters and underscores, at most 24, as names of members are. No key has such a
 * text. Everything else is described, never shown: the file may be another one than was meant.
 */
export function isPlainWord(word: string): boolean {
  return /^[A-Za-z_]{1,24}$/.test(word);
}
