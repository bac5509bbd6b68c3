import { nearest } from '../config/names.ts';
import { TamperError } from '../errors.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';

/** What a report rests on must not be misspelt, nor be of another type: a demand that nobody reads would be none. */

interface Form {
  readonly says: string;
  readonly fits: (value: unknown) => boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const isListOf =
  (fits: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(fits);

const yesOrNo: Form = { says: 'true or false', fits: (value) => typeof value === 'boolean' };
const texts: Form = { says: 'an array of strings', fits: isListOf(isText) };
const callable: Form = { says: 'a function', fits: (value) => typeof value === 'function' };
const count: Form = {
  says: 'a whole number from 1 on',
  fits: (value) => Number.isSafeInteger(value) && Number(value) > 0,
};

const forms: Readonly<Record<keyof VerifyOptions, Form>> = {
  paths: texts,
  input: {
    says: 'a stream',
    fits: (value) => isRecord(value) && typeof Reflect.get(Object(value), 'on') === 'function',
  },
  origin: { says: 'a string or an array of strings', fits: (value) => isText(value) || isListOf(isText)(value) },
  policy: {
    says: 'what loadPolicy gives',
    fits: (value) => isRecord(value) && Array.isArray(Reflect.get(Object(value), 'streams')),
  },
  dataKeys: {
    says: 'an array of { source, keys, named }',
    fits: isListOf((one) => {
      const { source, keys, named } = Object(one) as { source?: unknown; keys?: unknown; named?: unknown };
      return isText(source) && isRecord(keys) && Array.isArray(named);
    }),
  },
  publicKeys: {
    says: 'an array of verifier keys, or of { vkey }',
    fits: isListOf((one) => isText(one) || isText(Reflect.get(Object(one), 'vkey'))),
  },
  held: texts,
  confirmSigner: callable,
  signerNamed: yesOrNo,
  verifyOnline: callable,
  known: { says: 'a string', fits: isText },
  manifests: texts,
  continued: yesOrNo,
  live: yesOrNo,
  now: { says: 'a valid Date', fits: (value) => value instanceof Date && !Number.isNaN(value.getTime()) },
  part: yesOrNo,
  demux: yesOrNo,
  strict: yesOrNo,
  acceptSuccessors: yesOrNo,
  maxBytes: count,
  jobs: count,
  onProgress: callable,
};

/**
 * Refuses options that would be passed over, or taken for something else.
 *
 * @throws {@link TamperError} `USAGE`, with the option and what it takes
 */
export function checkOptions(options: { readonly [name in keyof VerifyOptions]?: unknown }): void {
  if (!isRecord(options)) throw new TamperError('USAGE', 'verify takes an object with its options, at least { paths }');
  if (options.paths === undefined)
    throw new TamperError('USAGE', 'verify needs the option "paths": the files to verify');
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(forms, name)) {
      throw new TamperError('USAGE', `verify has no option ${JSON.stringify(name.slice(0, 80))}`, {
        hint: `did you mean ${nearest(name, Object.keys(forms))}?`,
      });
    }
    const form = forms[name as keyof VerifyOptions];
    if (value !== undefined && !form.fits(value))
      throw new TamperError('USAGE', `the option "${name}" of verify must be ${form.says}`);
  }
}
