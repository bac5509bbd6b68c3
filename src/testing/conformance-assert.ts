import assert from 'node:assert/strict';
import { isTamperError, TamperError, type TamperErrorCode } from '../errors.ts';

/** Demands that a promise rejects with a {@link TamperError} of one of these codes. */
export async function assertRejectsWith(promise: Promise<unknown>, codes: readonly TamperErrorCode[]): Promise<void> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    assert.ok(isTamperError(error), `threw ${String(error)} instead of a TamperError`);
    assert.ok(codes.includes(error.code), `threw ${error.code} (${error.message}) instead of ${codes.join(' or ')}`);
    return;
  }
  assert.fail(
    `gave ${typeof value === 'boolean' ? String(value) : typeof value} instead of throwing ${codes.join(' or ')}`,
  );
}

/** The value, or `USAGE`: a trial was run without what it needs. */
export function mustHave<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TamperError('USAGE', `this conformance check needs "${what}"`);
  return value;
}
