import { isTamperError, TamperError } from '../../errors.ts';
import { type AzureKeyUrl, keyUrl } from './key-url.ts';
import { isUsable, type KeyVersion } from './key-version.ts';
import type { Attempt, VaultCalls } from './vault-calls.ts';

/**
 * The version that a key without one stands for: the newest that is enabled and inside its dates, by this host's clock;
 * if none is inside, the newest enabled one, and the vault says what it makes of its dates. The vault's own current
 * version is asked for first; the others only where it will not do, so that the usual case is one request.
 *
 * @throws {TamperError} `KEY_DISABLED`: no version is enabled; `KEY_NOT_FOUND`; `KEY_PENDING_DELETION`: it was deleted
 */
export async function currentVersion(
  calls: VaultCalls,
  key: AzureKeyUrl,
  now: number,
  attempt: Attempt,
): Promise<KeyVersion> {
  const url = { ...key, version: undefined };
  const newest = await newestOf(calls, url, attempt);
  if (newest !== undefined && isUsable(newest, now)) return newest;
  const enabled = (await calls.versions(url, attempt)).filter((one) => one.enabled !== false);
  const chosen = enabled.find((one) => isUsable(one, now)) ?? enabled[0];
  if (chosen === undefined) {
    throw new TamperError('KEY_DISABLED', `Azure key "${keyUrl(url)}" has no enabled version`, {
      hint: 'Enable a version, or create a new one.',
    });
  }
  return chosen.version === newest?.url.version ? newest : calls.getKey({ ...url, version: chosen.version }, attempt);
}

/** The vault's current version; undefined where it is disabled and the service does not show disabled keys. */
async function newestOf(calls: VaultCalls, url: AzureKeyUrl, attempt: Attempt): Promise<KeyVersion | undefined> {
  try {
    return await calls.getKey(url, attempt);
  } catch (error) {
    if (isTamperError(error, 'KEY_DISABLED')) return undefined;
    if (isTamperError(error, 'KEY_NOT_FOUND') && (await calls.isDeleted(url, attempt))) {
      throw new TamperError('KEY_PENDING_DELETION', `Azure key "${keyUrl(url)}" was deleted and can be recovered`, {
        cause: error,
        hint: 'Recover it with: az keyvault key recover',
      });
    }
    throw error;
  }
}
