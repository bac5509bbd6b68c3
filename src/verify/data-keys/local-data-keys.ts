import { KeySchedule } from '../../core/key-schedule.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import type { MacKeyReference } from '../../format/key-reference.ts';
import type { KeySource } from '../../keys/identity.ts';
import type { DataKey } from '../../keys/provider.ts';
import { countsFrom, limitedTo, perhapsRefusedBy, refusedBy } from './data-key-range.ts';
import type {
  DataKeyName,
  EpochContext,
  FoundDataKey,
  KeyLimit,
  NamedDataKeys,
  RefusedDataKey,
} from './named-data-keys.ts';

/**
 * The data key of a local source. Local keys are told apart by the fingerprint alone: what the log calls its key says
 * nothing, and the same bytes may lie under several names. So M8.1 looks at bytes: a key under a name that the policy does
 * not have may be any key of the policy whose own bytes are not at hand to compare, and counts only where each of them does.
 */

/** Whether the keys of a source are the auditor's own bytes. */
export function isLocalSource(source: KeySource): boolean {
  return source === 'env' || source === 'file';
}

/** A name to ask a source for: its own, or one that the policy has. */
interface Ask {
  readonly from: NamedDataKeys;
  readonly name: DataKeyName;
  readonly own: boolean;
}

/** A key that the auditor's side holds, under one of its names. */
interface Held extends Ask {
  readonly key: DataKey;
}

/**
 * Finds the key that the fingerprint says; where none fits, the first one that counts goes on as a wrong key.
 *
 * @throws {@link TamperError} `KEY_NOT_FOUND` where every name has no key here, and what a key's place may refuse
 */
export async function findLocal(
  all: readonly NamedDataKeys[],
  policy: readonly DataKeyName[],
  reference: MacKeyReference,
  context: EpochContext,
): Promise<FoundDataKey | RefusedDataKey | undefined> {
  const held: Held[] = [];
  let absent: TamperError | undefined;
  try {
    for (const ask of asks(all, policy, reference.identity)) {
      const key = await keyUnder(ask, context);
      if (key instanceof TamperError) {
        absent ??= key;
        continue;
      }
      held.push({ ...ask, key });
      if (isSecondName(held)) held.pop()?.key.erase();
      else if (policy.length === 0 && countsFrom(ask.name, context.firstSeq) && fits(key, reference, context)) break;
    }
    const judged = held.map((one) => ({ one, refusal: refusalOf(one, held, policy, context) }));
    const fitting = judged.filter(({ one }) => fits(one.key, reference, context));
    const counting = fitting.filter(({ refusal }) => refusal === undefined).map(({ one }) => one);
    const best = longest(counting, held, policy, context);
    if (best !== undefined) return best;
    const refusal = fitting[0]?.refusal;
    if (refusal !== undefined) return refusal;
    if (held.length === 0 && absent !== undefined) throw absent; // one of several names may have no key here
    const first = judged.find(({ refusal }) => refusal === undefined);
    return first && owned(first.one);
  } finally {
    for (const { key } of held) key.erase();
  }
}

/** Every source under its own names, the one that the log mentions first; then under the policy's. */
function asks(all: readonly NamedDataKeys[], policy: readonly DataKeyName[], identity: string): Ask[] {
  const listed = distinct(policy);
  const list = all.flatMap((from) => {
    const others = listed.filter(({ name }) => !from.named.some((one) => one.name === name));
    return [
      ...from.named.map((name) => ({ from, name, own: true })),
      ...others.map((name) => ({ from, name, own: false })),
    ];
  });
  const rank = ({ own, name }: Ask): number => Number(!own) * 2 + Number(name.name !== identity);
  return list.sort((a, b) => rank(a) - rank(b));
}

function distinct(names: readonly DataKeyName[]): DataKeyName[] {
  return [...new Map(names.map((one) => [one.name, one])).values()];
}

/** The key, or that there is none under this name. */
async function keyUnder({ from, name }: Ask, context: EpochContext): Promise<DataKey | TamperError> {
  try {
    return await from.keys.getKey(name.name, context);
  } catch (error) {
    if (isTamperError(error, 'KEY_NOT_FOUND')) return error;
    throw error;
  }
}

/** Whether the last one is a key that its source holds under a name of its own: some give it under any name. */
function isSecondName(held: readonly Held[]): boolean {
  const last = held.at(-1);
  if (last === undefined || last.own) return false;
  return held.some(({ own, from, key }) => own && from === last.from && key.material.equals(last.key.material));
}

/** Why a key does not count for this key period; undefined where it does. */
function refusalOf(
  { name, key }: Held,
  all: readonly Held[],
  policy: readonly DataKeyName[],
  { firstSeq }: EpochContext,
): RefusedDataKey | undefined {
  const listed = policy.filter((one) => one.name === name.name);
  const [first] = listed;
  if (first !== undefined) return listed.some((one) => countsFrom(one, firstSeq)) ? undefined : refusedBy(first);
  if (!countsFrom(name, firstSeq)) return refusedBy(name);
  const mayBe = distinct(policy).filter((one) => isPerhaps(one.name, key, all));
  const inRange = policy.filter((one) => countsFrom(one, firstSeq));
  const beyond = mayBe.find((one) => !inRange.some((other) => other.name === one.name));
  return beyond && perhapsRefusedBy(name, beyond);
}

/** Whether a key may be the one that the policy calls so: it is, or nobody knows what that one is. */
function isPerhaps(name: string, key: DataKey, all: readonly Held[]): boolean {
  const known = all.filter((one) => one.name.name === name);
  return known.length === 0 || known.some((one) => one.key.material.equals(key.material));
}

/** Up to where a key counts that does for the first entry (M8.1): no further than each key that it may be. */
function limitOf(
  { name, from, key }: Held,
  all: readonly Held[],
  policy: readonly DataKeyName[],
  { firstSeq }: EpochContext,
): KeyLimit | undefined {
  const ranges = (names: readonly DataKeyName[], own: string): DataKeyName[] => names.filter((one) => one.name === own);
  const listed = ranges(policy, name.name);
  if (listed.length > 0) return limitedTo(listed, firstSeq);
  const mayBe = distinct(policy).filter((one) => isPerhaps(one.name, key, all));
  const own = ranges([...from.named, name], name.name);
  const limits = [own, ...mayBe.map((one) => ranges(policy, one.name))].map((names) => limitedTo(names, firstSeq));
  return limits.filter((limit) => limit !== undefined).sort((a, b) => a.untilSeq - b.untilSeq)[0];
}

/** The key under the name under which it counts for most. */
function longest(
  keys: readonly Held[],
  all: readonly Held[],
  policy: readonly DataKeyName[],
  context: EpochContext,
): FoundDataKey | undefined {
  const end = (limit: KeyLimit | undefined): number => limit?.untilSeq ?? Number.MAX_SAFE_INTEGER;
  const judged = keys.map((key) => ({ key, limit: limitOf(key, all, policy, context) }));
  const [best] = judged.sort((a, b) => end(b.limit) - end(a.limit));
  if (best === undefined) return undefined;
  return { ...owned(best.key), ...(best.limit !== undefined && { limit: best.limit }) };
}

function fits(key: DataKey, { nonce, fp }: MacKeyReference, context: EpochContext): boolean {
  const schedule = KeySchedule.derive(key.material, { nonce, origin: context.origin, epoch: context.epoch });
  schedule.erase();
  return schedule.fingerprint.equals(fp);
}

/** A copy for the caller: what was held is erased. */
function owned({ key, from: { givenBy } }: Held): FoundDataKey {
  const material = Buffer.alloc(key.material.length);
  material.set(key.material);
  return { material, erase: () => void material.fill(0), ...(givenBy !== undefined && { givenBy }) };
}
