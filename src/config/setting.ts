import { TamperError } from '../errors.ts';
import { nearest } from './names.ts';
import { kindOf, type OptionName, optionNames, problemOf } from './schema.ts';

/** One option as some place sets it. */
export interface Setting {
  readonly name: OptionName;
  readonly value: unknown;
  /** How that place spells the option. */
  readonly spelling: string;
  /** Where it is set: `code`, `flag --key-id`, `environment variable NAME`, `file PATH:LINE`. */
  readonly place: string;
}

/** Variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration file as `readConfigFile` of `config/file.ts` has read it. */
export interface ConfigFile {
  readonly path: string;
  readonly settings: readonly Setting[];
}

/** @throws CONFIG_INVALID if the value is not one that the option may have. The value is not shown where it may be a secret. */
export function checkSetting(setting: Setting): void {
  const problem = problemOf(setting.name, setting.value);
  if (problem === undefined) return;
  throw new TamperError('CONFIG_INVALID', `option ${setting.spelling} (${setting.place}) ${problem}${given(setting)}`, {
    hint: `See docs/configuration.md for the values of ${setting.spelling}`,
  });
}

function given({ name, value }: Setting): string {
  const kind = kindOf(name);
  if (kind === 'text' || kind === 'list' || kind === 'map') return '';
  if (typeof value !== 'string') return typeof value === 'number' || typeof value === 'boolean' ? `, not ${value}` : '';
  return value.length > 16 ? '' : `, not ${JSON.stringify(value)}`; // no key is so short
}

/** An error for a name that is no option. */
export function unknownOption(spelling: string, place: string, spell: (name: OptionName) => string): TamperError {
  // a variable's name, or a member of an object in code, is no secret; a line of a file may be one
  const shown = place.startsWith('file ') && !isName(spelling) ? '' : ` ${shorten(spelling)}`;
  const isKey = /^(data|signing|secret|private)?[_-]?(key|secret)$/i.test(spelling);
  return new TamperError('CONFIG_UNKNOWN_OPTION', `unknown option${shown} (${place})`, {
    hint: isKey
      ? 'No option holds a key itself: put it into the variable FAPILOG_TAMPER_KEY, or into a file that key_file_path names.'
      : `Did you mean ${nearest(spelling, optionNames.map(spell))}?`,
  });
}

/** Whether a word can be the name of an option, misspelt: at most three words of letters. No key has such a text. */
function isName(word: string): boolean {
  return /^[A-Za-z]{1,16}([_-][A-Za-z]{1,16}){0,4}$/.test(word);
}

/** A name from outside, made safe to print. */
function shorten(word: string): string {
  const shown = word.replaceAll(/[^\x20-\x7e]/g, '?');
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

/** Makes a value from text, as a variable or a flag has it. What cannot be made stays text, for the check to refuse. */
export function fromText(name: OptionName, text: string): unknown {
  switch (kindOf(name)) {
    case 'boolean':
      return booleans.get(text) ?? text;
    case 'number':
      return /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : text;
    case 'list':
      return text.split(',').map((item) => item.trim());
    case 'map':
      return fromJson(text);
    case 'choice':
    case 'text':
      return text;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text; // its message quotes the text
    throw error;
  }
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
]);
