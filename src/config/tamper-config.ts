/**
 * What can be configured, as the TypeScript API spells it. Files and variables spell the same options in snake_case
 * (`key_id`, `FAPILOG_TAMPER_KEY_ID`). Every option may be left out; `withDefaults` fills in its default.
 *
 * `docs/configuration.md` is made from the comments of this file, so a comment says what, unit, limits and default.
 */

/** What the local algorithm of `algorithm` may be. */
export type LocalAlgorithm = 'HMAC-SHA256' | 'Ed25519';

/** A provider that is not part of this package: `custom` is the module `keyProviderModule`, another one a package of this name. */
export type ThirdPartySource = 'custom' | `fapilog-tamper-keys-${string}`;

/** The key sources that are part of this package. */
export const ownSources = ['env', 'file', 'aws-kms', 'gcp-kms', 'azure-keyvault', 'vault'] as const;

/** Where a configured key may come from. */
export type ConfiguredSource = (typeof ownSources)[number] | ThirdPartySource;

/** The options of this package; one valibot schema (`schema.ts`) checks them wherever they come from. */
export interface TamperConfig {
  // ---- keys

  /**
   * Whether lines are sealed at all. With `false`, a logger's transport and the command `seal` write them to `file`
   * unchanged, or to `FILE.unsealed` if `file` is a sealed log; `createSealer` refuses it.
   */
  readonly enabled?: boolean;
  /**
   * The kind of the local key: `HMAC-SHA256` is a data key of 32 bytes, `Ed25519` is a signing key. With a key service,
   * the key itself determines how it signs, and `Ed25519` only says that it signs.
   */
  readonly algorithm?: LocalAlgorithm;
  /**
   * The name of the key. Local key: any name, which goes into the log as its identity; AWS: key id, ARN or alias;
   * Google: resource name; Azure: key URL. Default: `default` for `env` and `file`; for Vault, the key in `vaultPath`;
   * none for the other key services.
   */
  readonly keyId?: string;
  /**
   * Where the key comes from. `custom` is a provider of your own, the module `keyProviderModule`; `fapilog-tamper-keys-NAME` is
   * the package of this name, whose keys are of the source NAME.
   */
  readonly keySource?: ConfiguredSource;
  /**
   * For `env`: the name of the variable that contains the key, as base64, base64url or hex (an Ed25519 key also as
   * PKCS#8 PEM).
   */
  readonly keyEnvVar?: string;
  /** For `file`: the file that contains the key, or a directory of `<key_id>.key` files. */
  readonly keyFilePath?: string;
  /** For `custom`: path or package name of a module that exports `createProvider(config, options)`. */
  readonly keyProviderModule?: string;
  /**
   * For `custom` and `fapilog-tamper-keys-NAME`: the provider's own options, as its documentation says; in a variable, as a JSON
   * object. If keys come from two such providers, the options of each stand under its `key_source`.
   */
  readonly keyProviderOptions?: Readonly<Record<string, unknown>>;
  /** How old our knowledge of a key's current version may be, in seconds. */
  readonly keyCacheTtlSeconds?: number;
  /**
   * Whether the key service signs checkpoints with `keyId`, and no data key is used. Default: false. If left out with
   * an Azure key that cannot wrap a data key safely (RSA, EC), it is true.
   */
  readonly useKmsSigning?: boolean;
  /**
   * Whether each record has a salt, 16 random bytes: then a proof or a hash lets nobody guess another record, and a record can be
   * erased later. It costs 32 bytes a record. Default: `true` where checkpoints are signed, else `false`.
   */
  readonly saltRecords?: boolean;
  /** A second key that signs checkpoints: the log then has MACs by the data key `keyId` and signatures by this one. */
  readonly signingKeyId?: string;
  /** Where the key `signingKeyId` comes from. Default: `keySource`. */
  readonly signingKeySource?: ConfiguredSource;
  /** For a `signingKeySource` of `env`: the name of the variable that contains the Ed25519 key. */
  readonly signingKeyEnvVar?: string;
  /**
   * For a `signingKeySource` of `file`: the Ed25519 key's file, or a directory of `<key_id>.key` files. Default:
   * `keyFilePath`, if that is a directory.
   */
  readonly signingKeyFilePath?: string;
  /**
   * An ML-DSA key (FIPS 204) that signs checkpoints in addition to the other keys, for verifiers in later years, when
   * the other algorithms may be broken. OpenBao: a key of type `mldsa-44` or `mldsa-65`; `env` and `file`: a key that
   * `keygen` makes.
   */
  readonly postQuantumKeyId?: string;
  /** Where the key `postQuantumKeyId` comes from. Default: `signingKeySource`, else `keySource`. */
  readonly postQuantumKeySource?: ConfiguredSource;
  /** For a `postQuantumKeySource` of `env`: the name of the variable that contains the key, as PKCS#8 PEM. */
  readonly postQuantumKeyEnvVar?: string;
  /**
   * For a `postQuantumKeySource` of `file`: the key's file, or a directory of `<key_id>.key` files. Default:
   * `keyFilePath`, if that is a directory.
   */
  readonly postQuantumKeyFilePath?: string;
  /**
   * The file of an Ed25519 note key, which signs each checkpoint after the keys above have signed it: for witnesses and readers
   * of C2SP notes, which know few other algorithms. It is PKCS#8 PEM, as `fapilog-tamper keygen --algorithm Ed25519` writes it,
   * and is read once, at the start. No verification counts it: it stands in no log as a signer, so it must not be one of the keys
   * above.
   */
  readonly noteKeyFilePath?: string;

  // ---- key services

  /** AWS: the region. Default: the AWS SDK's own chain. Endpoint and credentials come from the SDK's own variables and profile only. */
  readonly awsRegion?: string;
  /**
   * AWS: the profile of the shared configuration files that credentials come from. It may assume a role (`role_arn`,
   * `external_id`, `role_session_name`). Default: `AWS_PROFILE`, then the AWS SDK's own chain.
   */
  readonly awsProfile?: string;
  /** Google: another endpoint, as `HOST:PORT` or `https://HOST:PORT` (TLS), or as `http://` on loopback only. */
  readonly gcpEndpoint?: string;
  /**
   * Azure: tenant id. Together with `azureClientId` and a secret or federated token in the environment, it means a
   * service principal.
   */
  readonly azureTenantId?: string;
  /**
   * Azure: client id. Set alone, it means a user-assigned managed identity. If nothing is set, the SDK's
   * DefaultAzureCredential is used.
   */
  readonly azureClientId?: string;
  /** Vault: address, such as `https://vault.example.com:8200`; `http://` on loopback only. Default: `VAULT_ADDR`. */
  readonly vaultAddr?: string;
  /** Vault: a literal token. Prefer `VAULT_TOKEN`, `vaultTokenFile` or another method: a literal token triggers a warning. */
  readonly vaultToken?: string;
  /** Vault: a file that contains the token, read again when it changes (an agent's sink). */
  readonly vaultTokenFile?: string;
  /** Vault: the key as `MOUNT/keys/NAME`. Default: `keyId`, if that has this form. */
  readonly vaultPath?: string;
  /** Vault: how to log in. `cert` presents the client certificate of `vaultClientCertFile`. */
  readonly vaultAuthMethod?: 'token' | 'approle' | 'kubernetes' | 'jwt' | 'cert';
  /** Vault: where the auth method is mounted. Default: its own name. */
  readonly vaultAuthMount?: string;
  /** Vault: AppRole's role id, or the role name for `kubernetes`, `jwt` and `cert`. `cert` tries every role if it is left out. */
  readonly vaultRole?: string;
  /** Vault: a file that contains AppRole's secret id. Default: the variable `VAULT_SECRET_ID`. */
  readonly vaultSecretIdFile?: string;
  /** Vault: whether the secret id is a wrapping token that has to be unwrapped first. */
  readonly vaultSecretIdWrapped?: boolean;
  /** Vault: the file with the token for `kubernetes` (the service account's) or `jwt`, read again at each login. */
  readonly vaultJwtPath?: string;
  /**
   * Vault: the namespace of the login, if it is not that of the keys. `root` is the topmost one. Default:
   * `vaultNamespace`.
   */
  readonly vaultAuthNamespace?: string;
  /** Vault: namespace of the keys. Default: `VAULT_NAMESPACE`. */
  readonly vaultNamespace?: string;
  /** Vault: PEM file of the CA that signed the server's certificate. Default: `VAULT_CACERT`, then Node's own list. */
  readonly vaultCaFile?: string;
  /** Vault: PEM file of the client certificate for mutual TLS. Needs `vaultClientKeyFile`. Default: `VAULT_CLIENT_CERT`. */
  readonly vaultClientCertFile?: string;
  /** Vault: PEM file of the client certificate's key. Needs `vaultClientCertFile`. Default: `VAULT_CLIENT_KEY`. */
  readonly vaultClientKeyFile?: string;
  /**
   * Vault: the name that the server's certificate must have, if it is not the host of `vaultAddr`. Default:
   * `VAULT_TLS_SERVER_NAME`.
   */
  readonly vaultServerName?: string;

  // ---- where the log goes

  /** The sealed file, or `-` for standard output. May contain `{host}`, `{pid}`, `{instance}` and `{pod}`. */
  readonly file?: string;
  /**
   * The name of the stream, a URL without a scheme: 1 to 255 characters of `A-Za-z0-9._~:/@-`. May contain `{host}`,
   * `{pid}`, `{instance}`, `{pod}` and `{basename}`, the name of `file`.
   */
  readonly origin?: string;
  /** The directory for the state of each stream. Keep it on the same host as the log; it contains no secrets. */
  readonly stateDir?: string;
  /**
   * When sealed lines are handed to the operating system, which keeps them even if the process is killed. `turn`: at
   * the end of each turn of the event loop, everything logged in it together. `line`: each line before its `write`
   * returns, at the cost of a system call per line.
   */
  readonly flushEvery?: 'turn' | 'line';
  /** Whether each batch of lines is synced to the disk at once. At a checkpoint, lines are always synced. */
  readonly fsyncOnWrite?: boolean;
  /** Whether a file is synced to the disk when it is closed at rotation. */
  readonly fsyncOnRotate?: boolean;
  /** Whether a closed file is compressed to `.gz`. */
  readonly compressRotated?: boolean;
  /** Whether each file is a separate stream, with its own origin, that names the previous one. */
  readonly rotateChain?: boolean;
  /** Begin a new file when this one would exceed this size, in bytes; 0 means never. */
  readonly rotateMaxBytes?: number;
  /** Begin a new file when this one reaches this age, in seconds; 0 means never. */
  readonly rotateIntervalSeconds?: number;
  /** Whether each closed file is verified, in a child process; in a bundle, in the process itself. */
  readonly verifyOnClose?: boolean;
  /** Whether a finding of `verifyOnClose` raises an alert: an event, and a line on standard error. */
  readonly alertOnFailure?: boolean;
  /** Whether each input line is also copied, unchanged, to standard output. */
  readonly tee?: boolean;
  /**
   * Additional destinations for every checkpoint: file paths, `https://` URLs, or `s3://BUCKET/PREFIX`. In a variable,
   * separate them with commas.
   */
  readonly anchors?: readonly string[];

  // ---- when to seal

  /** Seal and sign after at most this many records. */
  readonly checkpointMaxRecords?: number;
  /** Seal and sign at most this many seconds after an unsealed record. Default: 1 with local keys only, 60 with a key service. */
  readonly checkpointMaxSeconds?: number;
  /** Seal at least this often, in seconds, even when nothing is logged. */
  readonly heartbeatSeconds?: number;
  /** The age at which a key period ends, in seconds. */
  readonly maxEpochSeconds?: number;

  // ---- when something fails

  /**
   * What to do if the key service becomes unreachable while running. `continue`: go on sealing; the next signature
   * covers everything. `stop`: stop with error `KEY_SERVICE_STOP`, which is handled as `onFailure` says.
   */
  readonly onKmsFailure?: 'continue' | 'stop';
  /** With `onKmsFailure: continue`: stop after this many seconds without a signature; 0 means never. */
  readonly maxUnsignedSeconds?: number;
  /**
   * How long `close()` and `closeOnSignals` may take in all, in seconds. What could not be sealed or signed by then is
   * kept for the next start. It must be shorter than the time after which a stopping process is killed (30 seconds in
   * Kubernetes).
   */
  readonly closeTimeoutSeconds?: number;
  /**
   * What to do if the key service is unreachable at the start, or something else answers in its place. `wait`: accept
   * lines up to `maxPendingBytes` and try again. `stop`: stop with the error. A configuration error or a refusal always
   * stops.
   */
  readonly onStartFailure?: 'wait' | 'stop';
  /**
   * What to do if the disk is full or the file cannot be written. `wait`: accept lines up to `maxPendingBytes`, then
   * ask the producer to pause. `drop`: drop the lines that come meanwhile, count them in a `gap` entry, and never ask
   * the producer to pause. `stop`: stop with error `WRITE_FAILED`.
   */
  readonly onWriteFailure?: 'wait' | 'drop' | 'stop';
  /**
   * What to do if the log cannot continue (something else wrote to its file, its disk or state directory is gone, its
   * keys are refused). `warn`: warn on standard error, unless there is a listener for `error`, and go on accepting
   * lines, which are kept or counted for the next start. `throw`: throw from each `write`, and emit `error` even
   * without a listener. `exit`: as `warn`, then end the process with code 1.
   */
  readonly onFailure?: 'warn' | 'throw' | 'exit';
  /**
   * What to do if state and file contradict each other at the start. `error`: fail with an error that says what to do.
   * `new_stream`: leave the old files alone and continue under a new origin that cites the old one.
   */
  readonly onStateConflict?: 'error' | 'new_stream';
  /** The longest line that becomes one record, in bytes; a longer one is split into several. */
  readonly maxLineBytes?: number;
  /** How many bytes may wait to be written before the producer is asked to pause. */
  readonly maxPendingBytes?: number;
  /**
   * What to do with a line that has its own `integrity` member: `keep` it (ours comes last), or `wrap` the line as text,
   * for readers that refuse duplicate members.
   */
  readonly onIntegrity?: 'keep' | 'wrap';
}

/** Whether a source is on this host: no key service is asked. */
export function isLocal(source: string): source is 'env' | 'file' {
  return source === 'env' || source === 'file';
}

/** Whether a configured source is a provider that is not part of this package. */
export function isThirdParty(source: string): source is ThirdPartySource {
  return source === 'custom' || /^fapilog-tamper-keys-[a-z0-9-]*[a-z0-9]$/.test(source);
}

type WithSource = TamperConfig & { readonly keySource: ConfiguredSource };

/** Where the key `post_quantum_key_id` comes from; undefined where none is named. */
export function postQuantumSource(config: WithSource): ConfiguredSource | undefined {
  if (config.postQuantumKeyId === undefined) return undefined;
  return config.postQuantumKeySource ?? config.signingKeySource ?? config.keySource;
}

/** The sources that a configuration uses: that of the key, and those of the signing keys where they are others. */
export function keySources(config: WithSource): ConfiguredSource[] {
  const signing = config.signingKeyId === undefined ? undefined : config.signingKeySource;
  const all = [config.keySource, signing, postQuantumSource(config)];
  return [...new Set(all.filter((source) => source !== undefined))];
}
