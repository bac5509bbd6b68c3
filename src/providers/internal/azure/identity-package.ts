// under another name: a banner that bundlers are often given declares createRequire
import { createRequire as requireFrom } from 'node:module';
import { cannotLoad } from '../cannot-load.ts';

/** What names the types of an optional package: no public declaration may lead here. */

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

/** What sends the requests of every credential. */
export type IdentityHttpClient = NonNullable<import('@azure/identity').TokenCredentialOptions['httpClient']>;

/**
 * What credentials send their requests with if nobody says otherwise. Resolved from the SDK, not from here: strict package
 * managers hide it from us.
 */
export function defaultHttpClient(): IdentityHttpClient {
  const require = requireFrom(import.meta.url);
  const ofIdentity = requireFrom(require.resolve('@azure/identity'));
  const pipeline = ofIdentity('@azure/core-rest-pipeline') as { createDefaultHttpClient(): IdentityHttpClient };
  return pipeline.createDefaultHttpClient();
}
