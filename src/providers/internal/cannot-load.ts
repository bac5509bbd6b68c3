import { isError, systemCode, TamperError } from '../../errors.ts';

/** An optional peer package and what it is for. */
export interface SdkPackage {
  /** What needs it, as the message says it: `AWS KMS`. */
  readonly service: string;
  /** The package's name on the registry: `@aws-sdk/client-kms`. */
  readonly packageName: string;
}

/**
 * What to throw where an optional peer package cannot be loaded: `DEPENDENCY_MISSING`, because it is not installed, or
 * because it is and fails (the message says which).
 *
 * A package is loaded at its first use by a literal `await import('…')` in a `try` of its own: from that a bundler knows that
 * it may be absent, and does not fail.
 */
export function cannotLoad(sdk: SdkPackage, cause: unknown): TamperError {
  if (isAbsent(cause, sdk.packageName)) {
    return new TamperError(
      'DEPENDENCY_MISSING',
      `${sdk.service} support requires ${sdk.packageName}. Install it with: npm install ${sdk.packageName}`,
      { cause },
    );
  }
  return new TamperError(
    'DEPENDENCY_MISSING',
    `${sdk.service} support could not load ${sdk.packageName}: ${isError(cause) ? cause.message : 'unknown'}`,
    { cause, hint: `Reinstall it with: npm install ${sdk.packageName}` },
  );
}

/** True where the package itself is absent; false where something inside it is, or where it fails while loading. */
function isAbsent(cause: unknown, packageName: string): boolean {
  const code = systemCode(cause);
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return false;
  return isError(cause) && cause.message.includes(`'${packageName}'`);
}
