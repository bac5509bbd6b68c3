import * as v from 'valibot';
import { nearest } from '../config/names.ts';
import { TamperError } from '../errors.ts';
import { shown } from '../foundation/key-like.ts';

/** Options of a report must be spelled right and have the right type: a misspelled requirement would be silently ignored. */

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

const seq = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));
const nonEmpty = v.pipe(v.string(), v.nonEmpty());

/**
 * A name, or an object with it and the entries that it counts for. A limit that is misspelt or no number would be none: the
 * key of the compromised year would count for ever.
 */
export function isNameOrRange(member: string, more: Readonly<Record<string, v.GenericSchema>> = {}): Form['fits'] {
  const range = v.pipe(
    v.strictObject({ ...more, [member]: nonEmpty, fromSeq: seq, untilSeq: seq }),
    v.check(({ fromSeq, untilSeq }) => Number(fromSeq ?? 1) <= Number(untilSeq ?? Number.MAX_SAFE_INTEGER)),
  );
  return (value) => v.is(v.union([nonEmpty, range]), value);
}

export const yesOrNo: Form = { says: 'true or false', fits: (value) => typeof value === 'boolean' };
export const texts: Form = { says: 'an array of strings', fits: isListOf(isText) };
export const callable: Form = { says: 'a function', fits: (value) => typeof value === 'function' };
export const count: Form = {
  says: 'a whole number of at least 1',
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
