import type { ResolvedConfig } from '../../config/index.ts';
import { GcpKmsProvider } from './provider.ts';

/** Makes the provider of a configuration with `key_source: gcp-kms`. Credentials are never in a configuration. */
export function createGcpKmsProvider({ gcpEndpoint, keyCacheTtlSeconds }: ResolvedConfig): GcpKmsProvider {
  return new GcpKmsProvider({ keyCacheTtlSeconds, ...(gcpEndpoint !== undefined && { gcpEndpoint }) });
}
