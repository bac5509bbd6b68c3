import { TamperError } from '../errors.ts';
import type { Timestamp, VerifyOptions as VerifierOptions } from '../verify/auditor/options.ts';
import { isLoadedPolicy, type Policy } from '../verify/auditor/policy.ts';
import { isCarrierName } from '../verify/carrier/carriers.ts';
import type { InspectOptions } from '../verify/show/inspection.ts';
import type { OriginalLinesOptions as OriginalLinesInput } from '../verify/show/original-lines.ts';
import type { VerifiedLinesOptions as VerifiedLinesInput } from '../verify/verified-lines.ts';
import { AuditorKeys, isProvider, type VerifierKeys } from './auditor-keys.ts';
import {
  callable,
  checkOptions,
  count,
  type Forms,
  isListOf,
  isRecord,
  isText,
  texts,
  yesOrNo,
} from './check-options.ts';
import type { VerificationKeys } from './verification-keys.ts';

/** What to verify, and what the verdict is based on. None of the latter comes from the log (spec 8.1). */
export interface VerifyOptions
  extends Omit<VerifierOptions, keyof VerificationKeys | 'policy' | 'stored' | 'observer'> {
  /**
   * The keys that you name: a provider, which is asked for the keys in its configuration; `auditorKeys(…)`; or an array of
   * both. Default: none, which leaves every log undecided.
   */
  readonly keys?: VerifierKeys | readonly VerifierKeys[];
  /**
   * The auditor's policy, as `loadPolicy` gives it, or the path of its file. It names the streams, so `origin` may be left out;
   * without a policy `origin` is needed.
   */
  readonly policy?: Policy | string;
}

/** What to verify, and what receives the lines. */
export type VerifiedLinesOptions = VerifyOptions &
  Pick<VerifiedLinesInput, 'onPiece' | 'onProblem' | 'onUnproven' | 'temporaryDirectory'>;

const isWitnessGroup = (value: unknown): boolean =>
  isRecord(value) &&
  Number.isSafeInteger(Reflect.get(Object(value), 'threshold')) &&
  isListOf((one) => isText(one) || isWitnessGroup(one))(Reflect.get(Object(value), 'members'));

const isKeys = (value: unknown): boolean => value instanceof AuditorKeys || isProvider(value);

/** What each option takes. */
export const forms: Forms<VerifyOptions> = {
  paths: {
    says: 'an array of paths, at least one',
    fits: (value) => texts.fits(value) && (value as unknown[]).length > 0,
  },
  input: {
    says: 'a stream',
    fits: (value) => isRecord(value) && typeof Reflect.get(Object(value), 'on') === 'function',
  },
  unwrap: { says: 'docker, cri, loki or field:NAME', fits: isCarrierName },
  origin: { says: 'a string or an array of strings', fits: (value) => isText(value) || isListOf(isText)(value) },
  policy: {
    says: 'the path of a policy file, or what loadPolicy gives',
    fits: (value) => isText(value) || isLoadedPolicy(value),
  },
  keys: {
    says: 'a provider, auditorKeys(…), or an array of both',
    fits: (value) => isKeys(value) || isListOf(isKeys)(value),
  },
  witnesses: {
    says: 'an array of verifier keys, or what loadWitnesses gives',
    fits: (value) => texts.fits(value) || isWitnessGroup(value),
  },
  cosignatures: count,
  timestamps: { says: 'an array of what loadTimestamp gives', fits: isListOf(isLoadedTimestamp) },
  held: texts,
  known: { says: 'a path', fits: (value) => isText(value) && value !== '' },
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
  quoteLines: yesOrNo,
  digestFiles: yesOrNo,
  onProgress: callable,
};

/** Where lines are taken from, and what receives them. */
export type OriginalLinesOptions = Omit<OriginalLinesInput, 'stored'>;

const lineForms: Forms<VerifiedLinesOptions> = {
  ...forms,
  onPiece: callable,
  onProblem: callable,
  onUnproven: callable,
  temporaryDirectory: { says: 'a string', fits: isText },
};

const originalForms: Forms<OriginalLinesOptions> = {
  paths: forms.paths,
  input: forms.input,
  unwrap: forms.unwrap,
  onPiece: callable,
  onProblem: callable,
};

/** @throws {@link TamperError} `USAGE`, with the option that is missing */
export function checkNeeded(what: string, options: object, needed: readonly (readonly [string, string])[]): void {
  for (const [name, why] of needed) {
    if (Reflect.get(options, name) === undefined)
      throw new TamperError('USAGE', `${what} needs the option "${name}": ${why}`);
  }
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkVerifyOptions(options: VerifyOptions): void {
  checkOptions('verify', options, forms);
  checkNeeded('verify', options, [['paths', 'the files to verify']]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkVerifiedLinesOptions(options: VerifiedLinesOptions): void {
  checkOptions('verifiedLines', options, lineForms);
  checkNeeded('verifiedLines', options, [
    ['paths', 'the files to verify'],
    ['onPiece', 'what takes the lines'],
    ['onProblem', 'a function that is called for lines that cannot be given back'],
  ]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkOriginalLinesOptions(options: OriginalLinesOptions): void {
  checkOptions('originalLines', options, originalForms);
  checkNeeded('originalLines', options, [
    ['paths', 'the files to read'],
    ['onPiece', 'what takes the lines'],
    ['onProblem', 'a function that is called for lines that cannot be given back'],
  ]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkInspectOptions(options: InspectOptions): void {
  checkOptions('inspect', options, { unwrap: forms.unwrap });
}

/** @throws {@link TamperError} `USAGE` */
export function checkPaths(what: string, paths: unknown): void {
  if (!forms.paths.fits(paths)) throw new TamperError('USAGE', `${what} takes ${forms.paths.says}`);
}

/** @throws {@link TamperError} `USAGE` */
export function checkPath(what: string, path: unknown): void {
  if (!isText(path) || path === '') throw new TamperError('USAGE', `${what} takes the path of a file`);
}

/** Time stamps that were verified: one that somebody made up would date whatever he likes. */
const loaded = new WeakSet<object>();

/** Remembers one that was verified. */
export function rememberTimestamp(timestamp: Timestamp): Timestamp {
  const frozen = Object.freeze({ ...timestamp });
  loaded.add(frozen);
  return frozen;
}

/** Whether `loadTimestamp` made it. */
function isLoadedTimestamp(value: unknown): value is Timestamp {
  return typeof value === 'object' && value !== null && loaded.has(value);
}
