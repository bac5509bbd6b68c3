import { isTamperError, type TamperErrorCode } from '../../errors.ts';
import type { DoctorCheck } from '../doctor-check.ts';

/** What a check found. */
export type Found = Omit<DoctorCheck, 'name'>;

/** Codes that say nothing about us or the key: the same question may have an answer later. */
const undecided: ReadonlySet<TamperErrorCode> = new Set(['UNAVAILABLE', 'TIMEOUT', 'THROTTLED', 'ABORTED']);

/** Runs one check; an error in our codes is a finding, any other is our bug. */
export async function check(name: string, run: () => Promise<Found>): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    return failed(name, error);
  }
}

/** The check that ended with an error. @throws what is none of our codes */
export function failed(name: string, error: unknown): DoctorCheck {
  if (!isTamperError(error)) throw error;
  const { code, message, hint, retryable } = error;
  const outcome = retryable || undecided.has(code) ? 'unknown' : 'failed';
  return { name, outcome, code, detail: `${code}: ${message}`, ...(hint !== undefined && { hint }) };
}

const logins: ReadonlySet<TamperErrorCode | undefined> = new Set<TamperErrorCode>([
  'UNAUTHENTICATED',
  'CREDENTIALS_EXHAUSTED',
]);

/** Whether we were not let in. Asking on would be refused again, and may lock the credential for others too. */
export function isShutOut(checks: readonly DoctorCheck[]): boolean {
  return checks.some(({ code }) => logins.has(code));
}
