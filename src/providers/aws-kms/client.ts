/** What every reply carries. */
export interface AwsKmsReply {
  readonly $metadata?: { readonly requestId?: string | undefined; readonly attempts?: number | undefined };
}

/** What a call may be given besides its input. */
export interface AwsKmsCallOptions {
  readonly abortSignal?: AbortSignal;
}

/** The members of a key's description that this package reads. */
export interface AwsKmsKeyMetadata {
  readonly Arn?: string | undefined;
  readonly KeySpec?: string | undefined;
  readonly KeyUsage?: string | undefined;
  readonly KeyState?: string | undefined;
  readonly KeyManager?: string | undefined;
  readonly Origin?: string | undefined;
  readonly DeletionDate?: Date | undefined;
  readonly SigningAlgorithms?: readonly string[] | undefined;
  readonly MacAlgorithms?: readonly string[] | undefined;
  readonly CurrentKeyMaterialId?: string | undefined;
}

/** The encryption context of a data key: what its ciphertext is bound to. Not secret; CloudTrail logs it in clear. */
export type AwsEncryptionContext = Record<string, string>;

/** `Sign` takes the message itself: never a digest, which Ed25519 cannot take and some test servers hash again. */
export interface AwsSignInput {
  readonly KeyId: string;
  readonly Message: Uint8Array;
  readonly MessageType: 'RAW';
  readonly SigningAlgorithm: AwsSigningAlgorithm;
  readonly DryRun?: boolean;
}

/** The signing algorithms of AWS KMS that have a name in the log format. */
export type AwsSigningAlgorithm =
  | 'ED25519_SHA_512'
  | 'ECDSA_SHA_256'
  | 'ECDSA_SHA_384'
  | 'RSASSA_PSS_SHA_256'
  | 'RSASSA_PKCS1_V1_5_SHA_256';

/** Input of `GenerateMac`. HMAC keys have no other algorithm that the log format knows. */
export interface AwsMacInput {
  readonly KeyId: string;
  readonly Message: Uint8Array;
  readonly MacAlgorithm: 'HMAC_SHA_256';
  readonly DryRun?: boolean;
}

/**
 * The calls of AWS KMS that this package makes. `KMS` of `@aws-sdk/client-kms` is one: `new KMS({ region: 'eu-west-1' })`.
 * A client that is given in stays its owner's: its endpoint, retries and timeouts are not changed and it is not destroyed.
 */
export interface AwsKmsClient {
  describeKey(
    input: { readonly KeyId: string },
    options?: AwsKmsCallOptions,
  ): Promise<AwsKmsReply & { readonly KeyMetadata?: AwsKmsKeyMetadata | undefined }>;
  generateDataKey(
    input: {
      readonly KeyId: string;
      readonly KeySpec: 'AES_256';
      readonly EncryptionContext: AwsEncryptionContext;
      readonly DryRun?: boolean;
    },
    options?: AwsKmsCallOptions,
  ): Promise<
    AwsKmsReply & {
      readonly Plaintext?: Uint8Array | undefined;
      readonly CiphertextBlob?: Uint8Array | undefined;
      readonly KeyId?: string | undefined;
      readonly KeyMaterialId?: string | undefined;
    }
  >;
  decrypt(
    input: {
      readonly KeyId: string;
      readonly CiphertextBlob: Uint8Array;
      readonly EncryptionContext: AwsEncryptionContext;
      readonly DryRun?: boolean;
    },
    options?: AwsKmsCallOptions,
  ): Promise<
    AwsKmsReply & {
      readonly Plaintext?: Uint8Array | undefined;
      readonly KeyId?: string | undefined;
      readonly KeyMaterialId?: string | undefined;
    }
  >;
  getPublicKey(
    input: { readonly KeyId: string },
    options?: AwsKmsCallOptions,
  ): Promise<AwsKmsReply & { readonly PublicKey?: Uint8Array | undefined; readonly KeyId?: string | undefined }>;
  sign(
    input: AwsSignInput,
    options?: AwsKmsCallOptions,
  ): Promise<
    AwsKmsReply & {
      readonly Signature?: Uint8Array | undefined;
      readonly KeyId?: string | undefined;
      readonly SigningAlgorithm?: string | undefined;
    }
  >;
  verify(
    input: AwsSignInput & { readonly Signature: Uint8Array },
    options?: AwsKmsCallOptions,
  ): Promise<AwsKmsReply & { readonly SignatureValid?: boolean | undefined; readonly KeyId?: string | undefined }>;
  generateMac(
    input: AwsMacInput,
    options?: AwsKmsCallOptions,
  ): Promise<AwsKmsReply & { readonly Mac?: Uint8Array | undefined; readonly KeyId?: string | undefined }>;
  verifyMac(
    input: AwsMacInput & { readonly Mac: Uint8Array },
    options?: AwsKmsCallOptions,
  ): Promise<AwsKmsReply & { readonly MacValid?: boolean | undefined; readonly KeyId?: string | undefined }>;
  /** Used by `doctor` only. */
  getKeyRotationStatus?(
    input: { readonly KeyId: string },
    options?: AwsKmsCallOptions,
  ): Promise<
    AwsKmsReply & {
      readonly KeyRotationEnabled?: boolean | undefined;
      readonly NextRotationDate?: Date | undefined;
      readonly RotationPeriodInDays?: number | undefined;
    }
  >;
}
