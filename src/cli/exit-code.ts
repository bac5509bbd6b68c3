import { isError, isTamperError, systemCode, type TamperErrorCode } from '../errors.ts';

/** What every command exits with. */
export const exitCode = {
  /** Done; nothing found. */
  done: 0,
  /** A finding: the log was tampered with, a check failed. */
  finding: 1,
  /** It could not be decided, or something could not be reached. */
  undecided: 2,
  /** The command line or the configuration is wrong. */
  usage: 64,
  /** Our bug. */
  bug: 70,
} as const;

const usageCodes: readonly TamperErrorCode[] = [
  'USAGE',
  'CONFIG_INVALID',
  'CONFIG_UNKNOWN_OPTION',
  'CONFIG_UNREADABLE',
  'POLICY_INVALID',
  'ORIGIN_INVALID',
  'INSECURE_ENDPOINT',
];

/** The exit code of an error. An exception must never read as a verdict, so none is 0 or 1 (spec 8). */
export function exitCodeOf(error: unknown): number {
  if (isShortage(error)) return exitCode.undecided;
  if (!isTamperError(error) || error.code === 'INTERNAL') return exitCode.bug;
  return usageCodes.includes(error.code) ? exitCode.usage : exitCode.undecided;
}

/** Whether the system had too little for this process: too many files are open, or too little memory is free. */
export function isShortage(error: unknown): error is Error {
  return isError(error) && ['EMFILE', 'ENFILE', 'ENOMEM'].includes(systemCode(error));
}
