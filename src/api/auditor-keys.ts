import * as v from 'valibot';
import { TamperError } from '../errors.ts';
import { readsLikeKey } from '../foundation/key-like.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { PublicKeyName } from '../verify/auditor/options.ts';
import type { DataKeyName } from '../verify/data-keys/named-data-keys.ts';
import { checkOptions, type Forms, isListOf, isNameOrRange, isRecord, isText, texts } from './check-options.ts';
import type { NamedSigningKey } from './verification-keys.ts';

/** The keys that an auditor supplies. All of them may be given together. */
export interface AuditorKeyOptions {
  /** Verifier keys (`NAME+ID+KEY`), as `keygen` and the report print them: the keys that signed the checkpoints. */
  readonly publicKeys?: readonly (string | PublicKeyName)[];
  /** Files of verifier keys, one per line, or with one public key as PEM. */
  readonly publicKeyFiles?: readonly string[];
  /** Files that hold a local data key, or directories of `NAME.key` files. */
  readonly dataKeyFiles?: readonly string[];
  /** Environment variables that hold a local data key: `VARIABLE`, or `NAME=VARIABLE` to give the key a name. */
  readonly dataKeyVariables?: readonly string[];
  /** A provider of your own. It remains yours: close it yourself. */
  readonly provider?: KeyProvider;
  /** What {@link AuditorKeyOptions.provider} may be asked for. Default: the data key that its configuration names. */
  readonly dataKeys?: readonly (string | DataKeyName)[];
  /**
   * The signing key of {@link AuditorKeyOptions.provider}: the service is asked whether a signer in the log is that key.
   * Default: the signing key that its configuration names.
   */
  readonly signingKey?: string;
}

const forms: Forms<AuditorKeyOptions> = {
  publicKeys: {
    says: 'an array of verifier keys, or of { vkey, fromSeq, untilSeq, givenBy } with whole numbers of at least 1',
    fits: isListOf(isNameOrRange('vkey', { givenBy: v.optional(v.string()) })),
  },
  publicKeyFiles: texts,
  dataKeyFiles: texts,
  dataKeyVariables: texts,
  provider: { says: 'a provider, such as createKeyProvider returns', fits: isProvider },
  dataKeys: {
    says: 'an array of names, or of { name, fromSeq, untilSeq } with whole numbers of at least 1',
    fits: isListOf(isNameOrRange('name')),
  },
  signingKey: { says: 'the name of a key', fits: (value) => isText(value) && value !== '' },
};

/** Whether a value can be asked for keys. */
export function isProvider(value: unknown): value is KeyProvider {
  if (!isRecord(value)) return false;
  const { source, getSigningKey, recoverKey } = value as Partial<KeyProvider>;
  return isText(source) && typeof getSigningKey === 'function' && typeof recoverKey === 'function';
}

/** Keys that an auditor supplies, as `auditorKeys` puts them together. Nothing is opened before `verify` needs it. */
export class AuditorKeys {
  /** What was named. */
  readonly options: AuditorKeyOptions;

  /** @throws {@link TamperError} `USAGE`, with the option at fault */
  constructor(options: AuditorKeyOptions) {
    checkOptions('auditorKeys', options, forms);
    if (options.provider === undefined && (options.dataKeys !== undefined || options.signingKey !== undefined)) {
      throw new TamperError(
        'USAGE',
        'auditorKeys: "dataKeys" and "signingKey" name keys of a provider, but no provider is given',
        {
          hint: 'Give "provider" as well, or the keys themselves in "dataKeyFiles" and "publicKeyFiles".',
        },
      );
    }
    const { dataKeys = [], signingKey = '' } = options;
    if ([...dataKeys.map((one) => (isText(one) ? one : one.name)), signingKey].some(readsLikeKey)) {
      throw new TamperError('USAGE', 'auditorKeys was given what looks like a key instead of its name', {
        hint: 'Name the key as its service does; a key itself goes into a file (dataKeyFiles) or an environment variable (dataKeyVariables).',
      });
    }
    this.options = copyOf(options);
  }
}

/** Lists that their owner changes later change nothing here. */
function copyOf(options: AuditorKeyOptions): AuditorKeyOptions {
  const members = Object.entries(options).map(([name, value]: [string, unknown]) => [
    name,
    Array.isArray(value) ? [...(value as unknown[])] : value,
  ]);
  return Object.freeze(Object.fromEntries(members) as AuditorKeyOptions);
}

/** What a provider is asked for by a verifier. */
export interface ProviderNames {
  readonly dataKeys: readonly DataKeyName[];
  readonly signingKey: NamedSigningKey | undefined;
  /** Whether the signing key is one for certain: its signatures must be there (M8.14). */
  readonly certain: boolean;
}

/** What `verify` takes as keys. */
export type VerifierKeys = KeyProvider | AuditorKeys;
