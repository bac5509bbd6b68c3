import { isMlDsa } from '../../core/ml-dsa.ts';
import type { Demand, NamedPublicKey } from './auditor.ts';

/** The public keys that count for a stream. */
interface NamedKeys {
  readonly named: readonly NamedPublicKey[];
  /** Those of them that the policy names; undefined without a policy. */
  readonly byPolicy?: readonly NamedPublicKey[];
}

/**
 * M8.30: From which size on only ML-DSA counts: from the first entry that a key of it is named for. A policy that names such keys
 * alone trusts nothing else, whatever a log lists beside them and a flag or a variable brings along; nor does an auditor
 * whose keys are all such.
 *
 * @param others - whether a key service may name keys as well
 */
export function postQuantumFrom(
  require: readonly Demand[],
  { named, byPolicy = [] }: NamedKeys,
  others: boolean,
): number | undefined {
  const own = named.filter(({ key }) => isMlDsa(key.algorithm));
  const policyAlone = byPolicy.length > 0 && byPolicy.every(({ key }) => isMlDsa(key.algorithm));
  const nothingElse = policyAlone || (own.length > 0 && own.length === named.length && !others);
  if (!require.includes('post-quantum') && !nothingElse) return undefined;
  const from = policyAlone ? byPolicy : own;
  return from.length === 0 ? 1 : Math.min(...from.map(({ fromSeq }) => fromSeq));
}
