import { isTamperError } from '../../errors.ts';
import type { KeyContext } from '../../keys/provider.ts';
import type { DoctorCheck, DoctorOutcome } from '../doctor-check.ts';
import type { AwsKmsOptions } from './options.ts';

/** What `checkAwsKms` looks at. */
export interface AwsDoctorSubject {
  readonly options: AwsKmsOptions;
  /** The key for data keys, where there is one. */
  readonly dataKeyId?: string;
  /** The key for signatures, where there is one. */
  readonly signingKeyId?: string;
  /** `writer` seals and should not recover keys; `auditor` verifies and should not seal. Default `writer`. */
  readonly role?: 'writer' | 'auditor';
  /** The encryption context that permissions are tested with; policies may allow the stream's own only. */
  readonly context: KeyContext;
}

/** Codes that say nothing about us or the key: the same question may have an answer later. */
const undecided: ReadonlySet<string> = new Set(['UNAVAILABLE', 'TIMEOUT', 'THROTTLED', 'ABORTED']);

/** What a check found. */
export type Found = Omit<DoctorCheck, 'name'>;

/** Runs one check; an error in our codes is a finding, any other is our bug. */
export async function check(name: string, run: () => Promise<Found>): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    if (!isTamperError(error)) throw error;
    const outcome: DoctorOutcome = undecided.has(error.code) ? 'unknown' : 'failed';
    const detail = `${error.code}: ${error.message}`;
    return { name, outcome, detail, ...(error.hint !== undefined && { hint: error.hint }) };
  }
}
