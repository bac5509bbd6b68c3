import { isTamperError } from '../../errors.ts';
import type { MacKeyReference } from '../../format/key-reference.ts';
import { namesIdentity } from '../../keys/identity.ts';
import type { DataKey, DataKeys } from '../../keys/provider.ts';
import { countsFrom, limitedTo, refusedBy } from './data-key-range.ts';
import type { DataKeyName, EpochContext, FoundDataKey, NamedDataKeys, RefusedDataKey } from './named-data-keys.ts';

/**
 * The data key that a key service wrapped. The service is asked only under a name that the auditor gave (M8.1): under the
 * policy's names first. A key that the policy names for other entries is refused under any other name too (M8.1).
 */
export async function findWrapped(
  all: readonly NamedDataKeys[],
  policy: readonly DataKeyName[],
  reference: MacKeyReference,
  context: EpochContext,
): Promise<FoundDataKey | RefusedDataKey | undefined> {
  const inRange = policy.filter((name) => countsFrom(name, context.firstSeq));
  const beyond = policy.filter((name) => !countsFrom(name, context.firstSeq));
  for (const one of all) {
    const found = await recoverFirst(one, inRange, reference, context);
    if (found !== undefined) return asFound(found, policy, 'the policy', context);
  }
  const spelled = beyond.find(({ name }) => all.some((naming) => namesIdentity(name, naming, reference.identity)));
  if (spelled !== undefined) return refusedBy(spelled);
  for (const one of all) {
    const { named, givenBy } = one;
    const own = named.filter((name) => countsFrom(name, context.firstSeq) && !isIn(policy, name));
    const found = await recoverFirst(one, own, reference, context);
    if (found === undefined) continue;
    // an alias may stand in the policy for the key that another name stands for here: its provider knows
    const other = await recoverFirst(one, beyond, reference, context);
    if (other === undefined) return asFound(found, named, givenBy, context);
    found.key.erase();
    other.key.erase();
    return refusedBy(other.name);
  }
  return undefined;
}

function isIn(policy: readonly DataKeyName[], { name }: DataKeyName): boolean {
  return policy.some((one) => one.name === name);
}

/** A key under one of the auditor's names, which may count for it up to some entry alone. */
interface NamedKey {
  readonly name: DataKeyName;
  readonly key: DataKey;
}

function asFound(
  { name, key }: NamedKey,
  names: readonly DataKeyName[],
  givenBy: string | undefined,
  { firstSeq }: EpochContext,
): FoundDataKey {
  const ranges = names.filter((one) => one.name === name.name);
  const limit = limitedTo(ranges, firstSeq);
  return {
    material: key.material,
    named: name.name,
    erase: () => key.erase(),
    ...(givenBy !== undefined && { givenBy }),
    ...(limit !== undefined && { limit }),
  };
}

/** The key under the first name that is its own. Names that are the identity's come first; an alias is its provider's to resolve. */
async function recoverFirst(
  { keys, ...naming }: NamedDataKeys,
  names: readonly DataKeyName[],
  reference: MacKeyReference,
  context: EpochContext,
): Promise<NamedKey | undefined> {
  const distance = ({ name }: DataKeyName): number => Number(!namesIdentity(name, naming, reference.identity));
  for (const name of [...names].sort((a, b) => distance(a) - distance(b))) {
    const key = await recover(keys, reference, name.name, context);
    if (key !== undefined) return { name, key };
  }
  return undefined;
}

/** The data key, or undefined where this name is not the key's; the provider checks that before it asks its service. */
async function recover(
  keys: DataKeys,
  { source, identity, wrapped }: MacKeyReference,
  name: string,
  context: EpochContext,
): Promise<DataKey | undefined> {
  try {
    return await keys.recoverKey({ source, identity, ...(wrapped !== undefined && { wrapped }) }, name, context);
  } catch (error) {
    if (isTamperError(error, 'KEY_NOT_NAMED')) return undefined;
    throw error;
  }
}
