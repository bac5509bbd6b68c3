import { TamperError, type TamperErrorCode } from '../../errors.ts';

/** Why a file could not be looked into, as it can be sent as JSON. */
export interface LookFailure {
  readonly code: TamperErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What stands in the way of one file. An error that is about more than one is thrown on. */
export function lookFailure(error: unknown): LookFailure {
  if (!(error instanceof TamperError) || error.code === 'ABORTED' || error.code === 'INTERNAL') throw error;
  const { code, message, hint } = error;
  return { code, message, ...(hint !== undefined && { hint }) };
}
