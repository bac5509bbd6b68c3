/** A CRC32C as protobuf's Int64Value: the SDK reads it as decimal text. */
export interface GcpInt64Value {
  readonly value?: number | string | { toString(): string } | null;
}

/** Bytes as protobuf.js gives them; a string is base64. */
export type GcpBytes = Uint8Array | string | null | undefined;

/** An enum's value: its name over gRPC, its number over REST. */
export type GcpEnum = string | number | null | undefined;

/** What a call may be given besides its request (google-gax CallOptions). */
export interface GcpCallOptions {
  /** How long the call may take, in milliseconds. */
  readonly timeout?: number;
  /** `null`: the SDK tries once. */
  readonly retry?: null;
  readonly autoPaginate?: boolean;
  readonly otherArgs?: { readonly headers: Record<string, string> };
}

/** Every method answers with a tuple: the reply first. */
export type GcpReply<T> = Promise<readonly [T, ...unknown[]]>;

/** The members of CryptoKeyVersion that this package reads. */
export interface GcpKeyVersion {
  readonly name?: string | null;
  readonly state?: GcpEnum;
  readonly algorithm?: GcpEnum;
  readonly protectionLevel?: GcpEnum;
}

/** The members of CryptoKey that this package reads. */
export interface GcpKey {
  readonly name?: string | null;
  readonly purpose?: GcpEnum;
  readonly primary?: GcpKeyVersion | null;
  readonly nextRotationTime?: { readonly seconds?: number | string | { toString(): string } | null } | null;
  readonly rotationPeriod?: { readonly seconds?: number | string | { toString(): string } | null } | null;
}

/** The reply of `encrypt`. */
export interface GcpEncryptReply {
  readonly name?: string | null;
  readonly ciphertext?: GcpBytes;
  readonly ciphertextCrc32c?: GcpInt64Value | null;
  readonly verifiedPlaintextCrc32c?: boolean | null;
  readonly verifiedAdditionalAuthenticatedDataCrc32c?: boolean | null;
}

/** The reply of `decrypt`; it names no key. */
export interface GcpDecryptReply {
  readonly plaintext?: GcpBytes;
  readonly plaintextCrc32c?: GcpInt64Value | null;
}

/** The reply of `macSign`. */
export interface GcpMacSignReply {
  readonly name?: string | null;
  readonly mac?: GcpBytes;
  readonly macCrc32c?: GcpInt64Value | null;
  readonly verifiedDataCrc32c?: boolean | null;
}

/** The reply of `macVerify`. A MAC that does not fit is `success: false`, not an error. */
export interface GcpMacVerifyReply {
  readonly name?: string | null;
  readonly success?: boolean | null;
  readonly verifiedDataCrc32c?: boolean | null;
  readonly verifiedMacCrc32c?: boolean | null;
  readonly verifiedSuccessIntegrity?: boolean | null;
}

/** The reply of `asymmetricSign`. */
export interface GcpSignReply {
  readonly name?: string | null;
  readonly signature?: GcpBytes;
  readonly signatureCrc32c?: GcpInt64Value | null;
  readonly verifiedDigestCrc32c?: boolean | null;
  readonly verifiedDataCrc32c?: boolean | null;
}

/** The reply of `getPublicKey`. */
export interface GcpPublicKey {
  readonly name?: string | null;
  readonly pem?: string | null;
  readonly pemCrc32c?: GcpInt64Value | null;
  readonly algorithm?: GcpEnum;
}

/** A reply's page of versions, as it came. */
export interface GcpVersionPage {
  readonly cryptoKeyVersions?: readonly GcpKeyVersion[] | null;
  readonly nextPageToken?: string | null;
}

/** The checksum of a request's field. */
export interface GcpSum {
  readonly value: number;
}

/**
 * The calls of Cloud KMS that this package makes. `KeyManagementServiceClient` of `@google-cloud/kms` is one. A client
 * that is given in stays its owner's: its endpoint and credentials are not changed and it is not closed.
 */
export interface GcpKmsClient {
  /** Finds the credentials. Called before any other method where it exists: otherwise the SDK ends the process without them. */
  initialize?(): Promise<unknown>;
  encrypt(
    request: {
      name: string;
      plaintext: Uint8Array;
      plaintextCrc32c: GcpSum;
      additionalAuthenticatedData: Uint8Array;
      additionalAuthenticatedDataCrc32c: GcpSum;
    },
    options?: GcpCallOptions,
  ): GcpReply<GcpEncryptReply>;
  decrypt(
    request: {
      name: string;
      ciphertext: Uint8Array;
      ciphertextCrc32c: GcpSum;
      additionalAuthenticatedData: Uint8Array;
      additionalAuthenticatedDataCrc32c: GcpSum;
    },
    options?: GcpCallOptions,
  ): GcpReply<GcpDecryptReply>;
  macSign(
    request: { name: string; data: Uint8Array; dataCrc32c: GcpSum },
    options?: GcpCallOptions,
  ): GcpReply<GcpMacSignReply>;
  macVerify(
    request: { name: string; data: Uint8Array; dataCrc32c: GcpSum; mac: Uint8Array; macCrc32c: GcpSum },
    options?: GcpCallOptions,
  ): GcpReply<GcpMacVerifyReply>;
  asymmetricSign(
    request: {
      name: string;
      digest?: { sha256?: Uint8Array; sha384?: Uint8Array };
      digestCrc32c?: GcpSum;
      data?: Uint8Array;
      dataCrc32c?: GcpSum;
    },
    options?: GcpCallOptions,
  ): GcpReply<GcpSignReply>;
  getPublicKey(request: { name: string }, options?: GcpCallOptions): GcpReply<GcpPublicKey>;
  getCryptoKey(request: { name: string }, options?: GcpCallOptions): GcpReply<GcpKey>;
  getCryptoKeyVersion(request: { name: string }, options?: GcpCallOptions): GcpReply<GcpKeyVersion>;
  /** With `autoPaginate: false` the third member of the reply is the page as it came. */
  listCryptoKeyVersions(
    request: { parent: string; filter?: string; pageToken?: string },
    options?: GcpCallOptions,
  ): Promise<readonly [readonly GcpKeyVersion[], ...unknown[]]>;
  close?(): Promise<void>;
}
