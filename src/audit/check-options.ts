import { nearest } from '../config/names.ts';
import { TamperError } from '../errors.ts';
import { shown } from '../foundation/key-like.ts';

/** What a report rests on must not be misspelt, nor be of another type: a demand that nobody reads would be none. */

/** What an option takes, in words and as a test. */
export interface Form {
  readonly says: string;
  readonly fits: (value: unknown) => boolean;
}

/** A form for every option of `O`. */
export type Forms<O> = Readonly<Record<keyof O, Form>>;

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isListOf =
  (fits: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(fits);

const isSeq = (value: unknown): boolean => value === undefined || (Number.isSafeInteger(value) && Number(value) > 0);

/**
 * A name, or an object with it and the entries that it counts for. A limit that is misspelt or no number would be none: the
 * key of the compromised year would count for ever.
 */
export const isNameOrRange =
  (member: string, more: readonly string[] = []) =>
  (value: unknown): boolean => {
    if (isText(value)) return value !== '';
    if (!isRecord(value)) return false;
    const { fromSeq, untilSeq } = value as { fromSeq?: unknown; untilSeq?: unknown };
    const known = new Set([member, 'fromSeq', 'untilSeq', ...more]);
    if (!Object.keys(value as object).every((name) => known.has(name)) || !isSeq(fromSeq) || !isSeq(untilSeq))
      return false;
    if (fromSeq !== undefined && untilSeq !== undefined && Number(fromSeq) > Number(untilSeq)) return false;
    return [member, ...more].every((name) => {
      const one: unknown = Reflect.get(value as object, name);
      return name === member ? isText(one) && one !== '' : one === undefined || isText(one);
    });
  };

export const yesOrNo: Form = { says: 'true or false', fits: (value) => typeof value === 'boolean' };
export const texts: Form = { says: 'an array of strings', fits: isListOf(isText) };
export const callable: Form = { says: 'a function', fits: (value) => typeof value === 'function' };
export const count: Form = {
  says: 'a whole number from 1 on',
  fits: (value) => Number.isSafeInteger(value) && Number(value) > 0,
};

/**
 * Refuses options that would be passed over, or taken for something else.
 *
 * @param what - the function that takes them
 * @throws {@link TamperError} `USAGE`, with the option and what it takes
 */
export function checkOptions<O>(what: string, options: O, forms: Forms<O>): void {
  if (!isRecord(options)) throw new TamperError('USAGE', `${what} takes an object with its options`);
  for (const [name, value] of Object.entries(options as object)) {
    if (!Object.hasOwn(forms, name)) {
      throw new TamperError('USAGE', `${what} has no option ${JSON.stringify(shown(name.slice(0, 80)))}`, {
        hint: `Did you mean ${nearest(name, Object.keys(forms))}?`,
      });
    }
    const form = forms[name as keyof O];
    if (value !== undefined && !form.fits(value))
      throw new TamperError('USAGE', `the option "${name}" of ${what} must be ${form.says}`);
  }
}
