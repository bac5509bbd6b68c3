import type { TamperErrorCode } from '../errors.ts';

/** How a check of `doctor` ended. `unknown`: it could not be decided, and the detail says why. */
export type DoctorOutcome = 'ok' | 'warning' | 'failed' | 'unknown';

/** One line of `doctor` about a key source. Holds no secret. */
export interface DoctorCheck {
  /** What was checked, in a few words, stable between releases: `credentials`, `key state`, `permission: sign`. */
  readonly name: string;
  readonly outcome: DoctorOutcome;
  /** What was found, as one sentence. */
  readonly detail: string;
  /** The code of the error that it ended with. */
  readonly code?: TamperErrorCode;
  /** What to do about it; present where the outcome is not `ok` and something can be done. */
  readonly hint?: string;
}
