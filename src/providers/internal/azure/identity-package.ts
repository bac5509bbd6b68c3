import { cannotLoad } from '../cannot-load.ts';

/**
 * Loads `@azure/identity` at its first use.
 *
 * @param service - what needs it, for the message
 * @throws {TamperError} `DEPENDENCY_MISSING`
 */
export async function loadIdentity(service: string): Promise<typeof import('@azure/identity')> {
  try {
    return await import('@azure/identity');
  } catch (cause) {
    throw cannotLoad({ service, packageName: '@azure/identity' }, cause);
  }
}
