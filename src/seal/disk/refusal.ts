import { asError, isTamperError, systemCode, TamperError } from '../../errors.ts';

/** What only looks at a file, or reads it. */
const LOOKS: ReadonlySet<string> = new Set(['stat', 'lstat', 'fstat', 'statfs', 'scandir', 'read', 'readlink']);

/**
 * An error for whoever hears of it: of what the system refuses, one of ours that says what, and has it as its cause. A log
 * ends by no other.
 *
 * @returns an error of ours as it is; READ_FAILED or WRITE_FAILED for one of the system, INTERNAL for any other
 */
export function withCode(thrown: unknown): TamperError {
  if (isTamperError(thrown)) return thrown;
  const error = asError(thrown);
  const code = systemCode(error);
  if (code === '' || !('syscall' in error)) return new TamperError('INTERNAL', error.message, { cause: error });
  const { syscall, path } = error as NodeJS.ErrnoException;
  const what = path === undefined ? syscall : `${syscall} of ${path}`;
  return new TamperError(
    LOOKS.has(syscall ?? '') ? 'READ_FAILED' : 'WRITE_FAILED',
    `the system refused ${what} (${code})`,
    {
      cause: error,
      hint: 'The directories of the log and of state_dir must be readable and writable, on a disk that works.',
    },
  );
}
