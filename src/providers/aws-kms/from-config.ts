import type { ResolvedConfig } from '../../config/index.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { doctorContext, keysAt } from '../internal/doctor-check.ts';
import { checkAwsKms } from './doctor.ts';
import type { AwsKmsOptions } from './options.ts';
import { AwsKmsProvider } from './provider.ts';

/** The provider for what a configuration takes from AWS KMS. */
export function createAwsKmsProvider(config: ResolvedConfig): AwsKmsProvider {
  return new AwsKmsProvider(optionsOf(config));
}

/** What `doctor` asks AWS about the keys that a configuration has there. */
export function checkAwsKmsConfig(config: ResolvedConfig): Promise<DoctorCheck[]> {
  return checkAwsKms({ options: optionsOf(config), context: doctorContext(config), ...keysAt(config, 'aws-kms') });
}

/** Endpoint, FIPS and retries come from the SDK's own variables and profile. */
function optionsOf(config: ResolvedConfig): AwsKmsOptions {
  return {
    keyCacheTtlSeconds: config.keyCacheTtlSeconds,
    ...(config.awsRegion !== undefined && { region: config.awsRegion }),
    ...(config.awsProfile !== undefined && { profile: config.awsProfile }),
  };
}
