import type { ResolvedConfig } from '../../config/index.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { doctorContext, keysAt } from '../internal/doctor-check.ts';
import { checkGcpKms } from './doctor.ts';
import type { GcpKmsOptions } from './options.ts';
import { GcpKmsProvider } from './provider.ts';

/** Makes the provider of a configuration with `key_source: gcp-kms`. Credentials are never in a configuration. */
export function createGcpKmsProvider(config: ResolvedConfig): GcpKmsProvider {
  return new GcpKmsProvider(optionsOf(config));
}

/** What `doctor` asks Google about the keys that a configuration has there. */
export function checkGcpKmsConfig(config: ResolvedConfig): Promise<DoctorCheck[]> {
  return checkGcpKms({ options: optionsOf(config), context: doctorContext(config), ...keysAt(config, 'gcp-kms') });
}

function optionsOf({ gcpEndpoint, keyCacheTtlSeconds }: ResolvedConfig): GcpKmsOptions {
  return { keyCacheTtlSeconds, ...(gcpEndpoint !== undefined && { gcpEndpoint }) };
}
