import type { Resolution } from '../../config/index.ts';
import type { Policy } from '../../verify/auditor/policy.ts';
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
 * The places where data keys may be asked for. The caller closes them.
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
  const configured = await Promise.all(
    resolutions.map((resolution) => configuredKeys({ resolution, policy, publicKeys: false, env })),
  );
  return {
    places: [{ dataKeys: [...flagged.local, ...variables], recoveredKeys: flagged.recovered }, ...configured],
    close: async () => {
      for (const { close } of configured) await close();
      await flagged.close();
      for (const { keys } of variables) await keys.close();
    },
  };
}
