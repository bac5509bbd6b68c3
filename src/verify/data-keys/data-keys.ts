import { serviceOfName } from '../../keys/identity.ts';
import { findLocal, isLocalSource } from './local-data-keys.ts';
import type { DataKeyFinder, DataKeyName, NamedDataKeys } from './named-data-keys.ts';
import { findWrapped } from './wrapped-data-keys.ts';

/**
 * A finder over everything that was named for a stream: by options and flags (`all`) and by the policy (`policy`). M8.1:
 * where the policy names a key, its ranges alone say what the key counts for, however its bytes come.
 */
export function dataKeyFinder(all: readonly NamedDataKeys[], policy: readonly DataKeyName[] = []): DataKeyFinder {
  return async (reference, context) => {
    const local = reference.wrapped === undefined && isLocalSource(reference.source);
    return local
      ? findLocal(
          all.filter(({ source }) => isLocalSource(source)),
          policy.filter(({ name }) => serviceOfName(name) === undefined),
          reference,
          context,
        )
      : findWrapped(
          all.filter(({ source }) => source === reference.source),
          policy.filter(({ name }) => (serviceOfName(name) ?? reference.source) === reference.source),
          reference,
          context,
        );
  };
}
