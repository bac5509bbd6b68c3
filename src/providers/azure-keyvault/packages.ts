import { cannotLoad } from '../internal/cannot-load.ts';

/** The two packages of Azure Key Vault, loaded at their first use. */

const service = 'Azure Key Vault';

/** @throws {TamperError} `DEPENDENCY_MISSING` */
export async function loadIdentity(): Promise<typeof import('@azure/identity')> {
  try {
    return await import('@azure/identity');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/identity' }, cause);
  }
}

/** @throws {TamperError} `DEPENDENCY_MISSING` */
export async function loadKeyVaultKeys(): Promise<typeof import('@azure/keyvault-keys')> {
  try {
    return await import('@azure/keyvault-keys');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/keyvault-keys' }, cause);
  }
}
