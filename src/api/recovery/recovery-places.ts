import { isThirdParty, modeOf, type Resolution } from '../../config/index.ts';
import type { Policy } from '../../verify/auditor/policy.ts';
import type { NamedDataKeys } from '../../verify/data-keys/named-data-keys.ts';
import { configuredKeys } from '../configured-keys.ts';
import { dataKeyOfVariable, dataKeysOfPaths, type LocalDataKeys } from '../local-data-keys.ts';
import type { RecoveryPlace } from './recover-keys.ts';

/** What names the places: one configuration for each key service, a policy, flags. */
export interface RecoveryPlacesOptions {
  readonly resolutions: readonly Resolution[];
  readonly policy: Policy | undefined;
  /** As for a verification (`--keys`, `--key-env`); they replace nothing here. */
  readonly keyPaths: readonly string[];
  readonly keyVariables: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The places, until they are closed. */
export interface RecoveryPlaces {
  readonly places: readonly RecoveryPlace[];
  readonly close: () => Promise<void>;
}

/**
 * The places where data keys may be asked for. A key service is asked with the configuration that has it as its own, one that
 * none has with the first: nobody is asked at an address or with credentials that are meant for another. The caller closes them.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`, `KEY_MALFORMED`, `KEY_FILE_PERMISSIONS`
 */
export async function openRecoveryPlaces({
  resolutions,
  policy,
  keyPaths,
  keyVariables,
  env,
}: RecoveryPlacesOptions): Promise<RecoveryPlaces> {
  const variables: LocalDataKeys[] = [];
  for (const given of keyVariables) variables.push(await dataKeyOfVariable(given, env, '--key-env'));
  const flagged = await dataKeysOfPaths(keyPaths, (path) => `--keys ${path}`);
  const all = await Promise.all(
    resolutions.map((resolution) => configuredKeys({ resolution, policy, publicKeys: false, env })),
  );
  const owners = resolutions.map(({ config }, at) => {
    const source = modeOf(config).dataKey?.source ?? config.keySource;
    if (!isThirdParty(source)) return source;
    return all[at]?.dataKeys.find(({ named }) => named.length > 0)?.source; // its provider says its name
  });
  const configured = all.map((keys, at) => {
    const isAsked = ({ source }: NamedDataKeys): boolean =>
      source === owners[at] || (at === 0 && !owners.some((owner) => owner === source));
    return { ...keys, dataKeys: keys.dataKeys.filter(isAsked) };
  });
  return {
    places: [{ dataKeys: [...flagged.local, ...variables], recoveredKeys: flagged.recovered }, ...configured],
    close: async () => {
      for (const { close } of configured) await close();
      await flagged.close();
      for (const { keys } of variables) await keys.close();
    },
  };
}
