import { signingCandidate } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { PublicKeyName, VerifyOptions as VerifierOptions } from '../verify/auditor/options.ts';
import { loadPolicy } from '../verify/auditor/policy.ts';
import type { NamedDataKeys } from '../verify/data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../verify/data-keys/recovered-data-keys.ts';
import { type AuditorKeyOptions, AuditorKeys, type ProviderNames, type VerifierKeys } from './auditor-keys.ts';
import { dataKeyOfVariable, dataKeysOfPaths, type LocalDataKeys } from './local-data-keys.ts';
import { loadPublicKeys } from './public-keys.ts';
import { withStored } from './stored-places.ts';
import { confirmSigner, type VerificationKeys } from './verification-keys.ts';
import type { VerifyOptions } from './verify-options.ts';

/** What was opened for one verification, before it is put together. */
interface Opened {
  readonly dataKeys: readonly NamedDataKeys[];
  readonly recoveredKeys: readonly RecoveredDataKey[];
  readonly publicKeys: readonly (string | PublicKeyName)[];
  /** Providers that answer about signers, each with the key that is named. */
  readonly services: readonly { readonly provider: KeyProvider; readonly names: ProviderNames }[];
  /** Closes what was made here. */
  readonly close: () => Promise<void>;
}

/** Opens the keys that were given, and closes what it opened. */
export async function withKeys<R>(
  { keys, policy: given, ...rest }: VerifyOptions,
  run: (options: VerifierOptions & Pick<VerificationKeys, 'dataKeys'>) => Promise<R>,
): Promise<R> {
  const policy = typeof given === 'string' ? await loadPolicy(given) : given;
  const { close, ...named } = await openKeys(keys, policy !== undefined);
  try {
    return await withStored(rest.paths, (places) =>
      run({ ...rest, ...places, ...named, ...(policy !== undefined && { policy }) }),
    );
  } finally {
    await close();
  }
}

/**
 * Opens everything that was given. `byPolicy`: a policy names keys as well, so that a provider need not.
 *
 * @throws {@link TamperError} `USAGE`, and what the files of keys are refused with
 */
export async function openKeys(
  given: VerifierKeys | readonly VerifierKeys[] | undefined,
  byPolicy: boolean,
): Promise<VerificationKeys> {
  const list = given === undefined ? [] : [given].flat();
  const opened: Opened[] = [];
  try {
    for (const one of list) {
      opened.push(
        one instanceof AuditorKeys ? await openAuditorKeys(one.options, byPolicy) : openProvider(one, {}, byPolicy),
      );
    }
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
  return together(opened);
}

async function openAuditorKeys(options: AuditorKeyOptions, byPolicy: boolean): Promise<Opened> {
  const { publicKeys = [], publicKeyFiles = [], dataKeyFiles = [], dataKeyVariables = [], provider } = options;
  const named: (string | PublicKeyName)[] = [...publicKeys];
  for (const path of publicKeyFiles) {
    for (const vkey of await loadPublicKeys(path)) named.push({ vkey, givenBy: path });
  }
  const service = provider === undefined ? undefined : openProvider(provider, options, byPolicy);
  const variables: LocalDataKeys[] = [];
  for (const one of dataKeyVariables) variables.push(await dataKeyOfVariable(one, process.env, 'dataKeyVariables'));
  const files = await dataKeysOfPaths(dataKeyFiles, (path) => path);
  return {
    dataKeys: [...files.local, ...variables, ...(service?.dataKeys ?? [])],
    recoveredKeys: files.recovered,
    publicKeys: named,
    services: service?.services ?? [],
    close: async () => {
      await files.close();
      for (const { keys } of variables) await keys.close();
    },
  };
}

/** A provider is asked for what was named and nothing else (M8.1). It stays its owner's. */
function openProvider(provider: KeyProvider, options: AuditorKeyOptions, byPolicy: boolean): Opened {
  const names = namesOf(provider, options);
  const { source, versionSeparator } = provider;
  if (names.dataKeys.length === 0 && names.signingKey === undefined && !byPolicy) {
    throw new TamperError('USAGE', `the provider of ${source} does not say which of its keys to ask for`, {
      hint: 'Name them: auditorKeys({ provider, dataKeys: [NAME], signingKey: NAME }), or make the provider with createKeyProvider and key_id.',
    });
  }
  return {
    dataKeys: [
      { source, versionSeparator, keys: provider, named: names.dataKeys, givenBy: `the provider of ${source}` },
    ],
    recoveredKeys: [],
    publicKeys: [],
    services: [{ provider, names }],
    close: async () => undefined,
  };
}

/** What the auditor says, else what the provider's configuration names. */
function namesOf(provider: KeyProvider, { dataKeys, signingKey }: AuditorKeyOptions): ProviderNames {
  const { configured } = provider;
  const { source, versionSeparator } = provider.signatures ?? provider;
  const dataKeyId = configured?.dataKey?.keyId;
  const signer = configured && signingCandidate(configured);
  const named = dataKeys ?? (dataKeyId === undefined ? [] : [dataKeyId]);
  const keyId = signingKey ?? signer?.keyId;
  return {
    dataKeys: named.map((name) => (typeof name === 'string' ? { name } : name)),
    signingKey: keyId === undefined ? undefined : { source, versionSeparator, keyId },
    certain: signingKey !== undefined || configured?.signingKey !== undefined,
  };
}

function together(all: readonly Opened[]): VerificationKeys {
  const services = all.flatMap((one) => one.services);
  return {
    dataKeys: all.flatMap(({ dataKeys }) => dataKeys),
    recoveredKeys: all.flatMap(({ recoveredKeys }) => recoveredKeys),
    publicKeys: all.flatMap(({ publicKeys }) => publicKeys),
    signerNamed: services.some(({ names }) => names.signingKey !== undefined && names.certain),
    confirmSigner: async (signer) => {
      for (const { provider, names } of services) {
        if (names.signingKey !== undefined && (await confirmSigner(async () => provider, names.signingKey, signer)))
          return true;
      }
      return false;
    },
    verifyOnline: async (signer, text, signature) => {
      const { source } = signer;
      const service = services.find(({ provider, names }) => (names.signingKey?.source ?? provider.source) === source);
      if (service !== undefined) return service.provider.verify(signer, text, signature);
      throw new TamperError('KEY_NOT_FOUND', `only the key service ${source} can check this signature`, {
        hint: `Give a provider of ${source} among the keys.`,
      });
    },
    close: () => closeAll(all),
  };
}

async function closeAll(opened: readonly Opened[]): Promise<void> {
  for (const { close } of opened) await close();
}
