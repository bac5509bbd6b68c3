import { isError, systemCode, TamperError } from '../../errors.ts';

/** An optional peer package and what it is for. */
export interface SdkPackage {
  /** What needs it, as the message says it: `AWS KMS`. */
  readonly service: string;
  /** The package's name on the registry: `@aws-sdk/client-kms`. */
  readonly packageName: string;
}

/**
 * Loads an optional peer package at its first use. Node keeps loaded modules, so calling this again costs nothing.
 *
 * @param load - a literal `() => import('…')`, so that bundlers and TypeScript see the name
 * @throws {TamperError} `DEPENDENCY_MISSING`: it is not installed, or it is and cannot be loaded (the message says which)
 */
export async function loadSdk<T>(sdk: SdkPackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (isAbsent(cause, sdk.packageName)) {
      throw new TamperError(
        'DEPENDENCY_MISSING',
        `${sdk.service} support requires ${sdk.packageName}. Install it with: npm install ${sdk.packageName}`,
        { cause },
      );
    }
    throw new TamperError(
      'DEPENDENCY_MISSING',
      `${sdk.service} support could not load ${sdk.packageName}: ${isError(cause) ? cause.message : 'unknown'}`,
      { cause, hint: `Reinstall it with: npm install ${sdk.packageName}` },
    );
  }
}

/** True where the package itself is absent; false where something inside it is, or where it fails while loading. */
function isAbsent(cause: unknown, packageName: string): boolean {
  const code = systemCode(cause);
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return false;
  return isError(cause) && cause.message.includes(`'${packageName}'`);
}
