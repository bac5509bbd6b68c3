import { TamperError } from '../../errors.ts';

/**
 * Takes the place of `from-config.ts` of each key service whose SDK is not in the one file, and of the client of Kafka. An SDK beside it is not loaded:
 * whoever made the folder of evidence may have put it there.
 */

function absent(service: string, packageName: string): never {
  throw new TamperError('DEPENDENCY_MISSING', `this verifier in one file cannot ask ${service}: its SDK is not in it`, {
    hint: `Verify with the npm package instead: npm install fapilog-tamper ${packageName}`,
  });
}

/** @throws {@link TamperError} `DEPENDENCY_MISSING`, always */
export const createAwsKmsProvider = (): never => absent('AWS KMS', '@aws-sdk/client-kms');

/** @throws {@link TamperError} `DEPENDENCY_MISSING`, always */
export const createGcpKmsProvider = (): never => absent('Google Cloud KMS', '@google-cloud/kms');

/** @throws {@link TamperError} `DEPENDENCY_MISSING`, always */
export const createAzureKeyVaultProvider = (): never =>
  absent('Azure Key Vault', '@azure/identity @azure/keyvault-keys');

/** @throws {@link TamperError} `DEPENDENCY_MISSING`, always */
export const loadKafkaClient = (): never => absent('Kafka', '@platformatic/kafka');
