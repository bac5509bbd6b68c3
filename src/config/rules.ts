import { TamperError, type TamperErrorCode } from '../errors.ts';
import { hasPassword, isKey, readsLikeKey } from '../foundation/key-like.ts';
import { isBeside } from '../foundation/log-file-names.ts';
import { type ResolvedConfig, withDefaults } from './defaults.ts';
import { isInsecureUrl } from './endpoint.ts';
import { modeOf } from './mode.ts';
import { isS3Address, parseS3Address } from './s3-address.ts';
import type { OptionName } from './schema.ts';
import { isLocal, isThirdParty, keySources, postQuantumSource } from './tamper-config.ts';

/** What a rule may look at. */
export interface RuleContext {
  readonly config: ResolvedConfig;
  /** An option with the place that set it, for a message. */
  readonly at: (name: OptionName) => string;
}

type Fault = { code?: TamperErrorCode; message: string; hint: string };
type Rule = (context: RuleContext) => Fault | undefined;

/** @throws CONFIG_INVALID, INSECURE_ENDPOINT for the first rule that a configuration breaks. */
export function checkRules(context: RuleContext): void {
  for (const rule of rules) {
    const fault = rule(context);
    if (fault === undefined) continue;
    const { code = 'CONFIG_INVALID', message, hint } = fault;
    throw new TamperError(code, message, { hint });
  }
}

/** Whether a text is an address of a kind that is not asked, or one that cannot be read. */
function isUnknownAddress(text: string): boolean {
  if (isS3Address(text) || !/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return false;
  return !/^https?:/i.test(text) || !URL.canParse(text);
}

const usesSource = (config: ResolvedConfig, source: string): boolean =>
  keySources(config).some((one) => one === source);

/** Where a second key comes from is said, so it must be named. */
function namedToo(key: 'signing' | 'postQuantum', what: string, set: string): Rule {
  return ({ config, at }) => {
    const usual = withDefaults({});
    const name = (['KeySource', 'KeyFilePath', 'KeyEnvVar'] as const)
      .map((option) => `${key}${option}` as const)
      .find((one) => config[one] !== usual[one]);
    return name === undefined || config[`${key}KeyId`] !== undefined
      ? undefined
      : { message: `${at(name)} is set, but ${what} is named`, hint: `Set ${set}` };
  };
}

const LOCAL_KEY = 'a local key goes into the variable FAPILOG_TAMPER_KEY or a file that key_file_path names';

const keyRules: readonly Rule[] = [
  ({ config, at }) => {
    const isSecret = (path = ''): boolean => isKey(path) || hasPassword(path);
    const name =
      (['file', 'stateDir'] as const).find((one) => isSecret(config[one])) ??
      (config.anchors.some(isKey) ? 'anchors' : undefined);
    return name === undefined
      ? undefined
      : {
          message: `${at(name)} holds a key or a password, which is not shown here, where a path belongs`,
          hint: `Give a path; ${LOCAL_KEY}`,
        };
  },
  ({ config, at }) => {
    const name = (['keyId', 'signingKeyId', 'postQuantumKeyId', 'origin'] as const).find((one) =>
      readsLikeKey(config[one] ?? ''),
    );
    return name === undefined
      ? undefined
      : {
          message: `${at(name)} contains what looks like a key (not shown here); it would be in every line of the log`,
          hint: `${name === 'origin' ? 'Give the log a name' : 'Give the name of the key'}; ${LOCAL_KEY}`,
        };
  },
  ({ config, at }) =>
    config.keySource === 'file' && config.keyFilePath === undefined
      ? {
          message: `${at('keySource')} is file, but no key file is named`,
          hint: 'Set key_file_path; `fapilog-tamper keygen` makes a key',
        }
      : undefined,
  ({ config, at }) =>
    config.keyFilePath !== undefined && !usesSource(config, 'file')
      ? {
          message: `${at('keyFilePath')} is set, but ${at('keySource')} is ${config.keySource}`,
          hint: 'Set key_source to file, or leave out key_file_path',
        }
      : undefined,
  ({ config, at }) => {
    const module = config.keyProviderModule !== undefined && !usesSource(config, 'custom');
    const options = config.keyProviderOptions !== undefined && !keySources(config).some(isThirdParty);
    return module || options
      ? {
          message: `${at(module ? 'keyProviderModule' : 'keyProviderOptions')} is set, but ${at('keySource')} is ${config.keySource}`,
          hint: 'Set key_source to custom',
        }
      : undefined;
  },
  ({ config, at }) =>
    config.keySource === 'vault'
      ? config.vaultPath === undefined && !/.\/keys\/./.test(config.keyId ?? '')
        ? { message: `${at('keySource')} is vault, but no key is named`, hint: 'Set vault_path to MOUNT/keys/NAME' }
        : undefined
      : config.keyId === undefined
        ? { message: `${at('keySource')} is ${config.keySource}, but no key is named`, hint: 'Set key_id' }
        : undefined,
];

const signingRules: readonly Rule[] = [
  namedToo('signing', 'no second key', 'signing_key_id too; a single Ed25519 key is named by key_id'),
  ({ config, at }) =>
    config.signingKeyId !== undefined && config.algorithm === 'Ed25519'
      ? {
          message: `${at('algorithm')} is Ed25519, so key_id is already a signing key, but ${at('signingKeyId')} names another`,
          hint: 'For a data key and signatures, leave out algorithm; for signatures only, leave out signing_key_id',
        }
      : undefined,
  ({ config, at }) =>
    config.useKmsSigning === true && isLocal(config.keySource) && isLocal(config.signingKeySource ?? config.keySource)
      ? {
          message: `${at('useKmsSigning')} is true, but ${at('keySource')} is ${config.keySource}, which is not a key service`,
          hint: 'For signatures with a local key, set algorithm to Ed25519',
        }
      : undefined,
  ({ config, at }) =>
    config.useKmsSigning === false && config.algorithm === 'Ed25519' && !isLocal(config.keySource)
      ? {
          message: `${at('useKmsSigning')} is false, but ${at('algorithm')} is Ed25519, a signing key`,
          hint: 'Leave one of them out',
        }
      : undefined,
  ({ config, at }) => {
    const source = config.signingKeySource ?? config.keySource;
    const nowhere = source === 'file' && config.signingKeyFilePath === undefined && config.keyFilePath === undefined;
    return config.signingKeyId !== undefined && nowhere
      ? { message: `${at('signingKeySource')} is file, but no key file is named`, hint: 'Set signing_key_file_path' }
      : undefined;
  },
  ({ config, at }) => {
    const source = config.signingKeySource ?? config.keySource;
    if (config.signingKeyId === undefined || source !== config.keySource) return undefined;
    const same =
      source === 'env'
        ? config.keyEnvVar === config.signingKeyEnvVar
        : config.signingKeyId === config.keyId && (source !== 'file' || config.signingKeyFilePath === undefined);
    return same
      ? {
          message: `${at('keyId')} and ${at('signingKeyId')} are the same key`,
          hint: 'The data key and the signing key must be two different keys',
        }
      : undefined;
  },
];

const postQuantumRules: readonly Rule[] = [
  namedToo('postQuantum', 'no post-quantum key', 'post_quantum_key_id too'),
  ({ config, at }) =>
    postQuantumSource(config) === 'file' &&
    config.postQuantumKeyFilePath === undefined &&
    config.keyFilePath === undefined
      ? {
          message: `${at('postQuantumKeyId')} is to come from a file, but no key file is named`,
          hint: 'Set post_quantum_key_file_path; `fapilog-tamper keygen --algorithm ML-DSA-65` makes a key',
        }
      : undefined,
  ({ config, at }) => {
    const source = postQuantumSource(config);
    const others = [
      { name: 'keyId', id: config.keyId, source: config.keySource, variable: config.keyEnvVar },
      {
        name: 'signingKeyId',
        id: config.signingKeyId,
        source: config.signingKeySource ?? config.keySource,
        variable: config.signingKeyEnvVar,
      },
    ] as const;
    const same = others.find((other) => {
      if (source === undefined || other.id === undefined || other.source !== source) return false;
      if (source === 'env') return other.variable === config.postQuantumKeyEnvVar;
      return other.id === config.postQuantumKeyId && (source !== 'file' || config.postQuantumKeyFilePath === undefined);
    });
    return same === undefined
      ? undefined
      : {
          message: `${at('postQuantumKeyId')} and ${at(same.name)} are the same key`,
          hint: 'The post-quantum key signs beside the others, so it is a key of its own',
        };
  },
];

const noteRules: readonly Rule[] = [
  ({ config, at }) => {
    const { name, signingIfNoDataKey } = modeOf(config);
    return config.noteKeyFilePath === undefined || name !== 'data-key' || signingIfNoDataKey
      ? undefined
      : {
          message: `${at('noteKeyFilePath')} is set, but no key signs checkpoints`,
          hint: 'A note key signs beside another: set signing_key_id, use_kms_signing or, of a local key, algorithm: Ed25519',
        };
  },
];

const serviceRules: readonly Rule[] = [
  ({ config, at }) =>
    usesSource(config, 'vault') && !['token', 'cert'].includes(config.vaultAuthMethod) && config.vaultRole === undefined
      ? {
          message: `${at('vaultAuthMethod')} is ${config.vaultAuthMethod}, but no role is set`,
          hint: 'Set vault_role',
        }
      : undefined,
  ({ config, at }) => {
    const token = (['vaultToken', 'vaultTokenFile'] as const).find((name) => config[name] !== undefined);
    return token !== undefined && config.vaultAuthMethod !== 'token'
      ? {
          message: `${at(token)} is set, but ${at('vaultAuthMethod')} is ${config.vaultAuthMethod}`,
          hint: 'Leave one of them out',
        }
      : undefined;
  },
  ({ config, at }) => {
    const [cert, key] = [config.vaultClientCertFile, config.vaultClientKeyFile];
    if ((cert === undefined) === (key === undefined)) return undefined;
    const message = `only ${at(cert === undefined ? 'vaultClientKeyFile' : 'vaultClientCertFile')} is set`;
    return { message, hint: 'Mutual TLS needs both vault_client_cert_file and vault_client_key_file' };
  },
  ({ config, at }) => {
    const name =
      (['vaultAddr', 'gcpEndpoint'] as const).find((one) => isInsecureUrl(config[one])) ??
      (config.anchors.some(isInsecureUrl) ? 'anchors' : undefined);
    return name === undefined
      ? undefined
      : {
          code: 'INSECURE_ENDPOINT',
          message: `${at(name)} is plain http to another host`,
          hint: 'Use https; http is allowed on loopback only',
        };
  },
  ({ config, at }) =>
    config.anchors.some((name) => isS3Address(name) && parseS3Address(name) === undefined)
      ? {
          message: `${at('anchors')} has an address of S3 that cannot be read`,
          hint: 'Write s3://BUCKET/PREFIX, without parameters; credentials come from where the AWS SDK looks for them',
        }
      : undefined,
  ({ config, at }) =>
    config.anchors.some(hasPassword)
      ? {
          message: `${at('anchors')} has an address with a user or a password in it, which is not shown here`,
          hint: 'Checkpoints are signed: an anchor needs no password. Let a proxy add one, or use a path that only this writer knows',
        }
      : undefined,
  ({ config, at }) =>
    config.anchors.some(isUnknownAddress)
      ? {
          message: `${at('anchors')} has an address that is neither https://, http:// nor s3://`,
          hint: 'A file whose name looks like an address is written ./NAME',
        }
      : undefined,
];

const outputRules: readonly Rule[] = [
  ({ config, at }) => {
    const names = [
      'rotateMaxBytes',
      'rotateIntervalSeconds',
      'compressRotated',
      'rotateChain',
      'verifyOnClose',
    ] as const;
    const name = config.file === '-' ? names.find((one) => config[one] !== false && config[one] !== 0) : undefined;
    return name === undefined
      ? undefined
      : { message: `${at(name)} needs a file, but ${at('file')} is standard output`, hint: 'Set file to a path' };
  },
  ({ config, at }) =>
    isBeside(config.file)
      ? {
          message: `${at('file')} is named like a file beside a log, so that a verifier of its directory would leave it out`,
          hint: 'Choose a name without .torn- that does not end in .manifest.json, .chainstate, .lock or .tmp',
        }
      : undefined,
  ({ config, at }) =>
    config.tee && config.file === '-'
      ? {
          message: `${at('tee')} copies lines to standard output, where the sealed log already goes`,
          hint: 'Set file to a path, or leave out tee',
        }
      : undefined,
  ({ config, at }) => {
    const apart = ['{pid}', '{instance}', '{pod}', '{host}'].find((one) => config.file.includes(one));
    return apart === undefined || config.origin.includes(apart) || config.origin.includes('{basename}')
      ? undefined
      : {
          message: `${at('file')} contains ${apart}, but ${at('origin')} does not: several writers would share one stream`,
          hint: `Put ${apart} or {basename} in origin`,
        };
  },
  ({ config, at }) =>
    config.maxPendingBytes < config.maxLineBytes
      ? {
          message: `${at('maxPendingBytes')} is below ${at('maxLineBytes')}: a line of maximum length could never be accepted`,
          hint: 'Raise max_pending_bytes',
        }
      : undefined,
  ({ config, at }) =>
    config.checkpointMaxSeconds > config.heartbeatSeconds
      ? {
          message: `${at('checkpointMaxSeconds')} (${config.checkpointMaxSeconds}) is above ${at('heartbeatSeconds')} (${config.heartbeatSeconds})`,
          hint: 'A seal is due at every heartbeat: raise heartbeat_seconds',
        }
      : undefined,
];

const rules: readonly Rule[] = [
  ...keyRules,
  ...signingRules,
  ...postQuantumRules,
  ...noteRules,
  ...serviceRules,
  ...outputRules,
];
