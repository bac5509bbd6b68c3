import { isS3Address } from '../../config/s3-address.ts';
import { isTamperError, systemCode } from '../../errors.ts';

/** Whether an anchor is an address; else it is a file. */
export function isAddress(name: string): boolean {
  return isS3Address(name) || /^https?:\/\//i.test(name);
}

/** An anchor for messages: an address may hold a password. */
export function shownName(name: string): string {
  return isAddress(name) && !isS3Address(name) ? new URL(name).host : name;
}

/** Why an anchor failed, to stand behind what failed: our errors with their code, of others the code alone. */
export function whyText(cause: unknown): string {
  const code = isTamperError(cause) ? `${cause.code}: ${cause.message}` : systemCode(cause);
  return code === '' ? '' : `: ${code}`;
}
