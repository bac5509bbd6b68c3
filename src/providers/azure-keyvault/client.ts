/** An answer as it came, before the SDK made something of it. */
export interface AzureRawResponse {
  readonly status?: number;
  readonly headers: { get(name: string): string | undefined };
  readonly bodyAsText?: string | null;
  readonly parsedBody?: unknown;
}

/** What a call may be given. */
export interface AzureCallOptions {
  readonly abortSignal?: AbortSignal;
  /** Called with every answer, so that request id and `kid` are seen, which the SDK drops. */
  readonly onResponse?: (response: AzureRawResponse) => void;
}

/** The members of a public key that this package reads; bytes, not base64url. */
export interface AzureJsonWebKey {
  readonly kid?: string;
  readonly kty?: string;
  readonly crv?: string;
  readonly n?: Uint8Array;
  readonly e?: Uint8Array;
  readonly x?: Uint8Array;
  readonly y?: Uint8Array;
}

/** The state of one version of a key. */
export interface AzureKeyProperties {
  readonly id?: string;
  readonly version?: string;
  readonly enabled?: boolean;
  readonly notBefore?: Date;
  readonly expiresOn?: Date;
  readonly createdOn?: Date;
}

/** One version of a key as the service describes it. */
export interface AzureKey {
  readonly id?: string;
  readonly key?: AzureJsonWebKey;
  readonly keyOperations?: readonly string[];
  readonly properties: AzureKeyProperties;
}

/** When a key rotates by itself. */
export interface AzureRotationPolicy {
  readonly expiresIn?: string;
  readonly lifetimeActions?: readonly {
    readonly action: string;
    readonly timeAfterCreate?: string;
    readonly timeBeforeExpiry?: string;
  }[];
}

/** The calls about keys that this package makes. `KeyClient` of `@azure/keyvault-keys` is one. */
export interface AzureKeyClient {
  getKey(name: string, options?: AzureCallOptions & { readonly version?: string }): Promise<AzureKey>;
  listPropertiesOfKeyVersions(name: string, options?: AzureCallOptions): AsyncIterable<AzureKeyProperties>;
  /** Asked where a key is not found, to tell a deleted one from one that never was. */
  getDeletedKey?(name: string, options?: AzureCallOptions): Promise<unknown>;
  /** Used by `doctor` only. */
  getKeyRotationPolicy?(name: string, options?: AzureCallOptions): Promise<AzureRotationPolicy>;
}

/** The signature algorithms of Key Vault that have a name in the log format. */
export type AzureSigningAlgorithm = 'ES256' | 'ES384' | 'PS256' | 'RS256';

/** The calls with keys that this package makes. `CryptographyClient` of `@azure/keyvault-keys` is one. */
export interface AzureCryptographyClient {
  sign(
    algorithm: AzureSigningAlgorithm,
    digest: Uint8Array,
    options?: AzureCallOptions,
  ): Promise<{ readonly result: Uint8Array }>;
  encrypt(
    parameters: {
      readonly algorithm: 'A256GCM';
      readonly plaintext: Uint8Array;
      readonly additionalAuthenticatedData: Uint8Array;
    },
    options?: AzureCallOptions,
  ): Promise<{ readonly result: Uint8Array; readonly iv?: Uint8Array; readonly authenticationTag?: Uint8Array }>;
  decrypt(
    parameters: {
      readonly algorithm: 'A256GCM';
      readonly ciphertext: Uint8Array;
      readonly iv: Uint8Array;
      readonly authenticationTag: Uint8Array;
      readonly additionalAuthenticatedData: Uint8Array;
    },
    options?: AzureCallOptions,
  ): Promise<{ readonly result: Uint8Array }>;
}

/**
 * One version of a key, as a `CryptographyClient` is built on it: already resolved, so that the client asks for nothing
 * first, and without its dates, so that it refuses nothing that the service would allow.
 */
export interface AzureKeyVersionHandle {
  readonly id: string;
  readonly name: string;
  readonly key: { readonly kid: string };
  readonly properties: { readonly name: string; readonly vaultUrl: string; readonly version: string };
}

/** Where the clients come from. Give one in to use clients of your own, with your own credentials and transport. */
export interface AzureKeyVaultClients {
  /** @param vaultUrl - `https://VAULT`, without a slash at the end */
  keyClient(vaultUrl: string): AzureKeyClient;
  cryptographyClient(version: AzureKeyVersionHandle): AzureCryptographyClient;
}
