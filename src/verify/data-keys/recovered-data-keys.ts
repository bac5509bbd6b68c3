import { KeySchedule } from '../../core/key-schedule.ts';
import type { MacKeyReference } from '../../format/key-reference.ts';
import { isOwnSource, namesIdentity } from '../../keys/identity.ts';
import { countsFrom, limitedTo, perhapsRefusedBy, refusedBy, sourceOf } from './data-key-range.ts';
import type { DataKeyName, EpochContext, FoundDataKey, KeyLimit, RefusedDataKey } from './named-data-keys.ts';

/**
 * Data keys that a key service unwrapped once and that the auditor kept (`keys recover`), each for one key period of one stream.
 * Where the policy names the key that wrapped them, its ranges say what they count for, as if the service had been asked (M8.1).
 */
export interface RecoveredDataKey {
  readonly origin: string;
  /** KID of the key period. */
  readonly kid: string;
  readonly source: string;
  /** What the log called the key; it was compared with `named` before the service was asked. */
  readonly identity: string;
  /** What the auditor called it. */
  readonly named: string;
  /** The fingerprint that the key was checked against, 32 bytes. */
  readonly fp: Buffer;
  /** The key, 32 bytes. Whoever read it overwrites it. */
  readonly material: Buffer;
  /** Where the auditor has it from, for the report: `--keys recovered.keys`. */
  readonly givenBy?: string;
}

/** A recovered key of this very key period, or another one that was recovered for it: a log that was forked has two. */
export interface RecoveredMatch {
  readonly fits: boolean;
  readonly found: FoundDataKey | RefusedDataKey;
}

const indexes = new WeakMap<readonly RecoveredDataKey[], ReadonlyMap<string, RecoveredDataKey[]>>();

/** Recovered keys by the KID of their key period, put in order once for all streams. */
function byKeyPeriod(all: readonly RecoveredDataKey[]): ReadonlyMap<string, readonly RecoveredDataKey[]> {
  const before = indexes.get(all);
  if (before !== undefined) return before;
  const index = new Map<string, RecoveredDataKey[]>();
  for (const key of all) {
    const same = index.get(key.kid);
    if (same === undefined) index.set(key.kid, [key]);
    else same.push(key);
  }
  indexes.set(all, index);
  return index;
}

/** The recovered key of a key period; the one that fits first. What the log calls its key is not asked (M8.1). */
export function findRecovered(
  all: readonly RecoveredDataKey[],
  policy: readonly DataKeyName[],
  reference: MacKeyReference,
  context: EpochContext,
): RecoveredMatch | undefined {
  const ours = (byKeyPeriod(all).get(context.kid) ?? []).filter(({ origin }) => origin === context.origin);
  const right = ours.find((key) => fits(key, reference, context));
  const key = right ?? ours[0];
  if (key === undefined) return undefined;
  const names = policy.filter((name) => (sourceOf(name) ?? key.source) === key.source);
  return { fits: right !== undefined, found: judged(key, names, context) };
}

function fits({ material }: RecoveredDataKey, { nonce, fp }: MacKeyReference, context: EpochContext): boolean {
  const schedule = KeySchedule.derive(material, { nonce, origin: context.origin, epoch: context.epoch });
  schedule.erase();
  return schedule.fingerprint.equals(fp);
}

function judged(
  key: RecoveredDataKey,
  policy: readonly DataKeyName[],
  { firstSeq }: EpochContext,
): FoundDataKey | RefusedDataKey {
  const spelled = policy.filter(({ name }) => isItsName(name, key));
  if (spelled.length > 0) {
    const [first] = spelled as [DataKeyName];
    return spelled.some((one) => countsFrom(one, firstSeq))
      ? owned(key, limitedTo(spelled, firstSeq))
      : refusedBy(first);
  }
  // nobody can be asked what an alias stood for: the key counts only where each does that may be its name
  const aliases = policy.filter(({ name }) => mayBeAlias(name, key));
  const names = [...new Set(aliases.map(({ name }) => name))];
  const ranges = names.map((name) => aliases.filter((one) => one.name === name));
  const beyond = ranges.find((same) => !same.some((one) => countsFrom(one, firstSeq)));
  if (beyond?.[0] !== undefined) return perhapsRefusedBy({ name: key.named }, beyond[0]);
  const limits = ranges.map((same) => limitedTo(same, firstSeq)).filter((limit) => limit !== undefined);
  return owned(key, limits.sort((a, b) => a.untilSeq - b.untilSeq)[0]);
}

function isItsName(name: string, { named, source, identity }: RecoveredDataKey): boolean {
  return name === named || namesIdentity(name, source, identity);
}

/**
 * Only AWS KMS has names besides a key's own: aliases, and ids without account and region. How a third party splits its identities
 * nobody says here: a name that an identity begins with may be the key's.
 */
function mayBeAlias(name: string, { source, identity }: RecoveredDataKey): boolean {
  if (!isOwnSource(source)) return identity.startsWith(name);
  return source === 'aws-kms' && !/^arn:[^:]+:kms:[^:]+:[^:]+:key\//.test(name);
}

/** A copy for the caller, who erases it. */
function owned({ material, givenBy, named }: RecoveredDataKey, limit: KeyLimit | undefined): FoundDataKey {
  const copy = Buffer.alloc(material.length);
  copy.set(material);
  return {
    material: copy,
    named,
    erase: () => void copy.fill(0),
    ...(givenBy !== undefined && { givenBy }),
    ...(limit !== undefined && { limit }),
  };
}
