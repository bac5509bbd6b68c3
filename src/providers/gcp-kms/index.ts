export type {
  GcpBytes,
  GcpCallOptions,
  GcpDecryptReply,
  GcpEncryptReply,
  GcpEnum,
  GcpInt64Value,
  GcpKey,
  GcpKeyVersion,
  GcpKmsClient,
  GcpMacSignReply,
  GcpMacVerifyReply,
  GcpPublicKey,
  GcpReply,
  GcpSignReply,
  GcpSum,
} from './client.ts';
export type { GcpKmsOptions, GcpTransport } from './options.ts';
export { GcpKmsProvider } from './provider.ts';
