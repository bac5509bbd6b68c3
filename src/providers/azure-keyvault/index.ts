export type { AzureTokenCredential } from '../internal/azure/credential.ts';
export type {
  AzureCallOptions,
  AzureCryptographyClient,
  AzureJsonWebKey,
  AzureKey,
  AzureKeyClient,
  AzureKeyProperties,
  AzureKeyVaultClients,
  AzureKeyVersionHandle,
  AzureRawResponse,
  AzureRotationPolicy,
  AzureSigningAlgorithm,
} from './client.ts';
export { type AzureDoctorSubject, checkAzureKeyVault } from './doctor.ts';
export type { AzureKeyVaultOptions } from './options.ts';
export { AzureKeyVaultProvider } from './provider.ts';
