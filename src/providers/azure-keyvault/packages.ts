import { cannotLoad } from '../internal/cannot-load.ts';

/** What needs the packages, for messages. */
export const service = 'Azure Key Vault';

/** Loads `@azure/keyvault-keys` at its first use. @throws {TamperError} `DEPENDENCY_MISSING` */
export async function loadKeyVaultKeys(): Promise<typeof import('@azure/keyvault-keys')> {
  try {
    return await import('@azure/keyvault-keys');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/keyvault-keys' }, cause);
  }
}
