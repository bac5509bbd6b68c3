import { isTamperError } from '../../errors.ts';
import type { DoctorCheck, DoctorOutcome } from '../doctor-check.ts';

/** What a check found. */
export type Found = Omit<DoctorCheck, 'name'>;

/** Runs one check; an error in our codes is a finding, any other is our bug. */
export async function check(name: string, run: () => Promise<Found>): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    if (!isTamperError(error)) throw error;
    const outcome: DoctorOutcome = error.retryable ? 'unknown' : 'failed';
    const detail = `${error.code}: ${error.message}`;
    return { name, outcome, detail, ...(error.hint !== undefined && { hint: error.hint }) };
  }
}
