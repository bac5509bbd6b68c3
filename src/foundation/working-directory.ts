import { systemCode, TamperError } from '../errors.ts';

/**
 * Refuses to go on if the working directory was deleted: no relative path has a meaning then.
 *
 * @throws {@link TamperError} `NOT_FOUND`
 */
export function checkWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new TamperError('NOT_FOUND', `the working directory no longer exists (${systemCode(cause)})`, {
      cause,
      hint: 'Start the process in a directory that exists.',
    });
  }
}
