import { resolveConfig, type TamperConfig } from '../config/index.ts';
import type { DoctorCheck } from './doctor-check.ts';

export {
  createKeyProvider,
  createProviderAtOnce,
  createProviderFor,
  createSourceProvider,
  postQuantumProviderFor,
} from './create-provider.ts';

/**
 * Tests the keys of a configuration, which is put together as by `createKeyProvider`: each is used once, and each key
 * service is asked what we may do and may not. It logs in once, and ends at the first refusal of a login.
 *
 * @throws as `createKeyProvider` does; what the tests find is in the checks
 */
export async function checkKeys(config: TamperConfig = {}): Promise<DoctorCheck[]> {
  const { checkKeysOf } = await import('./check-keys.ts');
  return checkKeysOf(resolveConfig({ code: config, env: process.env }).config);
}
