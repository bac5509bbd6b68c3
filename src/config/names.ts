import { type OptionName, optionNames } from './schema.ts';

const prefix = 'FAPILOG_TAMPER_';

/** An option's name in a file. */
export function fileName(name: OptionName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The environment variable of an option. */
export function variableName(name: OptionName): string {
  return prefix + fileName(name).toUpperCase();
}

/** The command line flag of an option, without `--`. */
export function flagName(name: OptionName): string {
  return fileName(name).replaceAll('_', '-');
}

/** Whether an environment variable is in our name space. */
export function isOurVariable(name: string): boolean {
  return name.startsWith(prefix);
}

/** The option with a given spelling, or undefined. */
export function optionNamed(spelling: string, spell: (name: OptionName) => string): OptionName | undefined {
  return optionNames.find((name) => spell(name) === spelling);
}

/** Of some words, the one that is most like another; case, `_` and `-` do not count. */
export function nearest(word: string, words: readonly string[]): string {
  const target = plain(word);
  let best = { word: '', distance: Number.POSITIVE_INFINITY };
  for (const candidate of words) {
    const spelled = plain(candidate);
    const isBegun = target.length > 3 && spelled.startsWith(target); // keyFile, for keyFilePath
    const distance = isBegun ? Math.min(1.5, spelled.length - target.length) : editDistance(target, spelled);
    if (distance < best.distance) best = { word: candidate, distance };
  }
  return best.word;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[_-]/g, '').slice(0, 100);
}

/** Levenshtein: the least number of characters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
