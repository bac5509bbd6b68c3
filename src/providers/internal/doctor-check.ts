import { hostname } from 'node:os';
import { basename } from 'node:path';
import { expandOrigin, type ResolvedConfig } from '../../config/index.ts';
import { isTamperError, type TamperErrorCode } from '../../errors.ts';
import type { KeyContext } from '../../keys/provider.ts';
import type { DoctorCheck } from '../doctor-check.ts';

/** What a provider's checks look at. */
export interface DoctorSubject<Options> {
  readonly options: Options;
  /** The key for data keys, where there is one. */
  readonly dataKeyId?: string;
  /** The key for signatures, where there is one. */
  readonly signingKeyId?: string;
  /** `writer` seals and should not recover keys; `auditor` verifies and should not seal. Default `writer`. */
  readonly role?: 'writer' | 'auditor';
  /** What the data key that is made for the test is bound to; policies may allow the stream's own only. */
  readonly context: KeyContext;
}

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

/** What is signed for a test. */
export const testMessage: Buffer = Buffer.from('fapilog-tamper doctor\n', 'latin1');

/** Something that the key service may let us do. */
export interface Permission {
  /** As the service calls it: `Decrypt`. */
  readonly action: string;
  /** As details call it. Default: `action`. */
  readonly called?: string;
  /** Who cannot do without. */
  readonly neededBy: 'writer' | 'auditor' | 'both';
  /** Who we are. */
  readonly role: 'writer' | 'auditor' | undefined;
  /** What to do where we may, and need not. */
  readonly hint: string;
}

/** Tries out one permission: needed by its role, and too much for the other one. */
export function tryPermission(permission: Permission, probe: () => Promise<unknown>): Promise<DoctorCheck> {
  const { action, called = action, neededBy, role = 'writer', hint } = permission;
  const isNeeded = neededBy === 'both' || neededBy === role;
  return check(nameOf(action), async () => {
    try {
      await probe();
    } catch (error) {
      if (isNeeded || !isTamperError(error, 'ACCESS_DENIED')) throw error;
      return { outcome: 'ok', detail: `${called} is denied, as it should be for a ${role}` };
    }
    if (isNeeded) return { outcome: 'ok', detail: `${called} is allowed` };
    return { outcome: 'warning', detail: `${called} is allowed, which a ${role} does not need`, hint };
  });
}

/** The check of a permission to unwrap that could not be made, for want of a wrapped key. */
export function untriedUnwrap(action: string, wrap: string): DoctorCheck {
  const detail = `there is no wrapped key to test it on, because ${wrap} was not possible`;
  return { name: nameOf(action), outcome: 'unknown', detail };
}

function nameOf(action: string): string {
  return `permission: ${action}`;
}

const logins: ReadonlySet<TamperErrorCode | undefined> = new Set<TamperErrorCode>([
  'UNAUTHENTICATED',
  'CREDENTIALS_EXHAUSTED',
]);

/** Whether we were not let in. Asking on would be refused again, and may lock the credential for others too. */
export function isShutOut(checks: readonly DoctorCheck[]): boolean {
  return checks.some(({ code }) => logins.has(code));
}

/**
 * What `doctor` binds its data keys to: the configured origin, because a policy at the key service may allow no other, and
 * a key id that no stream has.
 */
export function doctorContext(config: ResolvedConfig): KeyContext {
  const { HOSTNAME } = process.env;
  const host = hostname();
  const origin = expandOrigin(config.origin, {
    host,
    pid: String(process.pid),
    instance: 'doctor',
    pod: HOSTNAME ?? host,
    basename: config.file === '-' ? 'stdout' : basename(config.file),
  });
  return { origin, kid: 'AAAAAAAA.1' };
}
