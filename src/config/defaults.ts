import { hideSecrets, isSecretOption } from './schema.ts';
import { isLocal, keySources, type TamperConfig } from './tamper-config.ts';

/** The options that have a default always. */
type WithDefault =
  | 'enabled'
  | 'algorithm'
  | 'keySource'
  | 'keyEnvVar'
  | 'signingKeyEnvVar'
  | 'postQuantumKeyEnvVar'
  | 'keyCacheTtlSeconds'
  | 'vaultAuthMethod'
  | 'vaultSecretIdWrapped'
  | 'vaultJwtPath'
  | 'file'
  | 'origin'
  | 'stateDir'
  | 'flushEvery'
  | 'fsyncOnWrite'
  | 'fsyncOnRotate'
  | 'compressRotated'
  | 'rotateChain'
  | 'rotateMaxBytes'
  | 'rotateIntervalSeconds'
  | 'verifyOnClose'
  | 'alertOnFailure'
  | 'tee'
  | 'anchors'
  | 'checkpointMaxRecords'
  | 'checkpointMaxSeconds'
  | 'heartbeatSeconds'
  | 'maxEpochSeconds'
  | 'onKmsFailure'
  | 'maxUnsignedSeconds'
  | 'closeTimeoutSeconds'
  | 'onStartFailure'
  | 'onWriteFailure'
  | 'onFailure'
  | 'onStateConflict'
  | 'maxLineBytes'
  | 'maxPendingBytes'
  | 'onIntegrity';

/** A configuration with its defaults filled in. What may still be absent has no default. */
export type ResolvedConfig = TamperConfig & Required<Pick<TamperConfig, WithDefault>>;

const fixed: Required<Pick<TamperConfig, Exclude<WithDefault, 'checkpointMaxSeconds'>>> = {
  enabled: true,
  algorithm: 'HMAC-SHA256',
  keySource: 'env',
  keyEnvVar: 'FAPILOG_TAMPER_KEY',
  signingKeyEnvVar: 'FAPILOG_TAMPER_SIGNING_KEY',
  postQuantumKeyEnvVar: 'FAPILOG_TAMPER_POST_QUANTUM_KEY',
  keyCacheTtlSeconds: 300,
  vaultAuthMethod: 'token',
  vaultSecretIdWrapped: false,
  vaultJwtPath: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  file: '-',
  origin: '{host}/{basename}',
  stateDir: '.fapilog-chainstate',
  flushEvery: 'turn',
  fsyncOnWrite: false,
  fsyncOnRotate: true,
  compressRotated: false,
  rotateChain: false,
  rotateMaxBytes: 0,
  rotateIntervalSeconds: 0,
  verifyOnClose: false,
  alertOnFailure: true,
  tee: false,
  anchors: [],
  checkpointMaxRecords: 10_000,
  heartbeatSeconds: 300,
  maxEpochSeconds: 86_400,
  onKmsFailure: 'continue',
  maxUnsignedSeconds: 0,
  closeTimeoutSeconds: 20,
  onStartFailure: 'wait',
  onWriteFailure: 'wait',
  onFailure: 'warn',
  onStateConflict: 'error',
  maxLineBytes: 1_048_576,
  maxPendingBytes: 16_777_216,
  onIntegrity: 'keep',
};

/** Fills the defaults in; some follow from what is set. The result prints without its secrets. */
export function withDefaults(set: TamperConfig): ResolvedConfig {
  const config = { ...fixed, ...set };
  const local = keySources(config).every(isLocal);
  const keyId = config.keyId ?? defaultKeyId(config);
  const resolved = {
    ...config,
    checkpointMaxSeconds: set.checkpointMaxSeconds ?? (local ? 1 : Math.min(60, config.heartbeatSeconds)),
    ...(keyId === undefined ? {} : { keyId }),
  };
  return hideSecrets(resolved, () =>
    Object.fromEntries(
      Object.entries(resolved).map(([name, value]) => [name, isSecretOption(name) ? '[redacted]' : value]),
    ),
  );
}

function defaultKeyId(config: TamperConfig & { readonly keySource: string }): string | undefined {
  if (isLocal(config.keySource)) return 'default';
  return config.keySource === 'vault' ? config.vaultPath : undefined;
}
