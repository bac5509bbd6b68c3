import { KeySchedule } from '../core/key-schedule.ts';
import { isTamperError, TamperError } from '../errors.ts';
import type { MacKeyReference } from '../format/key-reference.ts';
import { namesIdentity } from '../keys/identity.ts';
import type { DataKey, DataKeys, KeyContext, KeySource } from '../keys/provider.ts';

/** The name of a data key in the auditor's own words: a `key_id`, an ARN, a resource name, `MOUNT/keys/NAME`, a key URL. */
export interface DataKeyName {
  readonly name: string;
  /** It counts for key periods introduced from this seq on. Default 1. */
  readonly fromSeq?: number;
  /** It counts for key periods introduced up to this seq. Default: any. */
  readonly untilSeq?: number;
}

/** What a data key is asked for. */
export interface EpochContext extends KeyContext {
  readonly epoch: number;
  /** The seq of the entry that introduces the key period. */
  readonly introducedAt: number;
}

/** Data keys that the auditor's side names, by the provider that can give them (spec 8.1, M8.1). */
export interface NamedDataKeys {
  readonly source: KeySource;
  readonly keys: DataKeys;
  readonly named: readonly DataKeyName[];
}

function counts({ fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER }: DataKeyName, context: EpochContext): boolean {
  return context.introducedAt >= fromSeq && context.introducedAt <= untilSeq;
}

const isLocal = (source: KeySource): boolean => source === 'env' || source === 'file';

/** What finds the data key of a key period. */
export type DataKeyFinder = (reference: MacKeyReference, context: EpochContext) => Promise<DataKey | undefined>;

/**
 * A finder over everything that was named. A wrapped key is asked of its service only where the auditor named its
 * identity. Local keys are told apart by the fingerprint; where none fits, the first one goes on as a wrong key.
 */
export function dataKeyFinder(all: readonly NamedDataKeys[]): DataKeyFinder {
  return async (reference, context) => {
    const { source, wrapped } = reference;
    if (wrapped !== undefined || !isLocal(source)) {
      for (const { source: ours, keys, named } of all) {
        if (ours !== source) continue;
        for (const { name } of closestFirst(
          named.filter((one) => counts(one, context)),
          reference,
        )) {
          const key = await recover(keys, reference, name, context);
          if (key !== undefined) return key;
        }
      }
      return undefined;
    }
    return findLocal(all, reference, context);
  };
}

/** Names that are the identity's own come first; an alias is for its provider to resolve. */
function closestFirst(named: readonly DataKeyName[], { source, identity }: MacKeyReference): DataKeyName[] {
  const distance = ({ name }: DataKeyName): number => Number(!namesIdentity(name, source, identity));
  return [...named].sort((a, b) => distance(a) - distance(b));
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

async function findLocal(
  all: readonly NamedDataKeys[],
  reference: MacKeyReference,
  context: EpochContext,
): Promise<DataKey | undefined> {
  const candidates = all
    .filter(({ source }) => isLocal(source))
    .flatMap(({ keys, named }) => named.filter((one) => counts(one, context)).map(({ name }) => ({ keys, name })))
    .sort((a, b) => Number(b.name === reference.identity) - Number(a.name === reference.identity));
  let first: DataKey | undefined;
  let absent: TamperError | undefined;
  for (const { keys, name } of candidates) {
    const key = await getLocal(keys, name, context);
    if (key instanceof TamperError) {
      absent ??= key;
    } else if (fits(key, reference, context)) {
      first?.erase();
      return key;
    } else if (first === undefined) {
      first = key;
    } else {
      key.erase();
    }
  }
  if (first === undefined && absent !== undefined) throw absent;
  return first;
}

/** A local key; that one of several names has no key here counts only if none has. */
async function getLocal(keys: DataKeys, name: string, context: EpochContext): Promise<DataKey | TamperError> {
  try {
    return await keys.getKey(name, context);
  } catch (error) {
    if (isTamperError(error, 'KEY_NOT_FOUND')) return error;
    throw error;
  }
}

function fits(key: DataKey, { nonce, fp }: MacKeyReference, context: EpochContext): boolean {
  const schedule = KeySchedule.derive(key.material, { nonce, origin: context.origin, epoch: context.epoch });
  schedule.erase();
  return schedule.fingerprint.equals(fp);
}
