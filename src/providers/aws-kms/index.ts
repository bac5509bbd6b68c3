export type {
  AwsEncryptionContext,
  AwsKmsCallOptions,
  AwsKmsClient,
  AwsKmsKeyMetadata,
  AwsKmsReply,
  AwsMacInput,
  AwsSignInput,
  AwsSigningAlgorithm,
} from './client.ts';
export type { AwsKmsOptions } from './options.ts';
export { AwsKmsProvider } from './provider.ts';
