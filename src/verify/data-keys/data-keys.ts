import { sourceOf } from './data-key-range.ts';
import { findLocal, isLocalSource } from './local-data-keys.ts';
import type { DataKeyFinder, DataKeyName, NamedDataKeys } from './named-data-keys.ts';
import { findRecovered, type RecoveredDataKey } from './recovered-data-keys.ts';
import { findWrapped } from './wrapped-data-keys.ts';

/**
 * A finder over everything that was named for a stream: by options and flags (`all`), by the policy (`policy`), and what was
 * recovered before (`recovered`), which leaves nothing to ask a service for. M8.1: where the policy names a key, its ranges
 * alone say what the key counts for, however its bytes come.
 */
export function dataKeyFinder(
  all: readonly NamedDataKeys[],
  policy: readonly DataKeyName[] = [],
  recovered: readonly RecoveredDataKey[] = [],
): DataKeyFinder {
  return async (reference, context) => {
    if (reference.wrapped === undefined && isLocalSource(reference.source)) {
      const local = all.filter(({ source }) => isLocalSource(source));
      const names = policy.filter((name) => isLocalSource(sourceOf(name) ?? 'file'));
      return findLocal(local, names, reference, context);
    }
    const own = findRecovered(recovered, policy, reference, context);
    if (own?.fits === true) return own.found;
    const names = policy.filter((name) => (sourceOf(name) ?? reference.source) === reference.source);
    const services = all.filter(({ source }) => source === reference.source);
    return (await findWrapped(services, names, reference, context)) ?? own?.found;
  };
}
