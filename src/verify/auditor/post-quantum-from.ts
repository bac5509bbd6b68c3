import { isMlDsa } from '../../core/ml-dsa.ts';
import type { Demand, NamedPublicKey } from './auditor.ts';

/**
 * M8.30: From which size on only ML-DSA counts: from the first entry that a key of it is named for. Who names such keys alone trusts
 * nothing else either, whatever a log lists beside them.
 *
 * @param others - whether a key service may name keys as well
 */
export function postQuantumFrom(
  require: readonly Demand[],
  named: readonly NamedPublicKey[],
  others: boolean,
): number | undefined {
  const own = named.filter(({ key }) => isMlDsa(key.algorithm));
  const nothingElse = own.length > 0 && own.length === named.length && !others;
  if (!require.includes('post-quantum') && !nothingElse) return undefined;
  return own.length === 0 ? 1 : Math.min(...own.map(({ fromSeq }) => fromSeq));
}
