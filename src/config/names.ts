import { type OptionName, optionNames } from './schema.ts';

const prefix = 'FAPILOG_TAMPER_';

/** An option's name in a file and, after `--` with `-` for `_`, on the command line. */
export function fileName(name: OptionName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The environment variable of an option. */
export function variableName(name: OptionName): string {
  return prefix + fileName(name).toUpperCase();
}

/** Whether an environment variable is in our name space. */
export function isOurVariable(name: string): boolean {
  return name.startsWith(prefix);
}

/** The option with a given spelling, or undefined. */
export function optionNamed(spelling: string, spell: (name: OptionName) => string): OptionName | undefined {
  return optionNames.find((name) => spell(name) === spelling);
}

/** Of the options in one spelling, the one that is most like a word; case, `_` and `-` do not count. */
export function nearestOption(word: string, spell: (name: OptionName) => string): string {
  const target = plain(word);
  let best = { spelling: '', distance: Number.POSITIVE_INFINITY };
  for (const name of optionNames) {
    const spelling = spell(name);
    const distance = editDistance(target, plain(spelling));
    if (distance < best.distance) best = { spelling, distance };
  }
  return best.spelling;
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
