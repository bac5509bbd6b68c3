import { modeOf, type ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { readsLikeKey, shown } from '../foundation/key-like.ts';
import { plain } from '../foundation/steps.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { KeyWarnings, type WarningListener } from '../keys/warnings.ts';
import { LocalKeyProvider, type LocalKeyText, type LocalKeyUse } from './internal/local-provider.ts';

/** Which variables hold which keys. */
export interface EnvKeyOptions {
  /** For each data key's id, the variable that holds it: 32 bytes as base64, base64url or hex. */
  readonly dataKeys?: Readonly<Record<string, string>>;
  /** For each signing key's id, the variable that holds it: an Ed25519 seed like a data key, or PKCS#8 PEM. */
  readonly signingKeys?: Readonly<Record<string, string>>;
  /** The variables. Default: `process.env`, looked at anew for each key. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Keys from environment variables. The variable itself cannot be overwritten, and child processes inherit it: prefer a
 * file or a key service where that matters.
 */
export class EnvKeyProvider extends LocalKeyProvider implements KeyProvider {
  readonly #warnings = new KeyWarnings('env');

  constructor(options: EnvKeyOptions) {
    super({
      source: 'env',
      raw: false,
      read: (keyId, use) => plain(() => readVariable(options, keyId, use)),
    });
    const variables = [...Object.values(options.dataKeys ?? {}), ...Object.values(options.signingKeys ?? {})];
    if (variables.length === 0) return;
    this.#warnings.say(
      variables.join(' '),
      `keys are taken from the environment (${variables.map(shown).join(', ')}): every child process inherits them, and anyone who may inspect this process can read them`,
      'Prefer key_source file or a key service.',
    );
  }

  /** That keys are in the environment. */
  onWarning(listener: WarningListener): void {
    this.#warnings.listen(listener);
  }
}

/** The provider for what a configuration takes from the environment: `env`, or what `process.env` is at each use. */
export function createEnvProvider(config: ResolvedConfig, env?: EnvKeyOptions['env']): EnvKeyProvider {
  const { dataKey, signingKey } = modeOf(config);
  const signingVariable = dataKey === undefined ? config.keyEnvVar : config.signingKeyEnvVar;
  return new EnvKeyProvider({
    ...(dataKey?.source === 'env' ? { dataKeys: { [dataKey.keyId]: config.keyEnvVar } } : {}),
    ...(signingKey?.source === 'env' ? { signingKeys: { [signingKey.keyId]: signingVariable } } : {}),
    ...(env === undefined ? {} : { env }),
  });
}

function readVariable(options: EnvKeyOptions, keyId: string, use: LocalKeyUse): LocalKeyText {
  const known = new Map(Object.entries((use === 'data key' ? options.dataKeys : options.signingKeys) ?? {}));
  const variable = known.get(keyId);
  if (variable === undefined) {
    throw new TamperError('KEY_NOT_FOUND', `no environment variable is configured for the ${use} "${keyId}"`, {
      hint: known.size === 0 ? `Configure a ${use}` : `configured: ${[...known.keys()].join(', ')}`,
    });
  }
  const value = (options.env ?? process.env)[variable];
  const place = `environment variable ${shown(variable)}`;
  if (value === undefined) {
    throw new TamperError('KEY_NOT_FOUND', `${place} is not set; it should hold the ${use} "${keyId}"`, {
      hint: `Set it to 32 random bytes as base64, for example: export ${readsLikeKey(variable) ? 'NAME' : variable}="$(openssl rand -base64 32)"`,
    });
  }
  const bytes = Buffer.alloc(Buffer.byteLength(value)); // alloc never takes from the pool
  bytes.write(value);
  return { bytes, place };
}
