import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';
import type { VerifiedLinesOptions } from '../verify/verified-lines.ts';
import type { ConfiguredKeyOptions } from './configured-keys.ts';
import type { VerificationKeys } from './verification-keys.ts';

/** The auditor's functions for keys that a configuration names, as the command line has them. Loaded with the first call. */

/**
 * Puts the keys of a configuration, a policy and flags together. The caller closes them.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`
 */
export async function configuredKeys(options: ConfiguredKeyOptions): Promise<Omit<VerificationKeys, 'publicKeys'>> {
  return (await import('./configured-keys.ts')).configuredKeys(options);
}

/** `verify` with keys that are open. @throws {@link TamperError} as `verify` */
export async function verifyWith(options: VerifyOptions): Promise<VerifyReport> {
  return (await import('../verify/verify.ts')).verify(options);
}

/** `verifiedLines` with keys that are open. @throws {@link TamperError} as `verifiedLines` */
export async function verifiedLinesWith(options: VerifiedLinesOptions): Promise<VerifyReport> {
  return (await import('../verify/verified-lines.ts')).verifiedLines(options);
}
