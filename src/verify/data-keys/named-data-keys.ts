import type { MacKeyReference } from '../../format/key-reference.ts';
import type { KeyNaming, KeySource } from '../../keys/identity.ts';
import type { DataKeys, KeyContext } from '../../keys/provider.ts';

/** The name of a data key in the auditor's own words: a `key_id`, an ARN, a resource name, `MOUNT/keys/NAME`, a key URL. */
export interface DataKeyName {
  readonly name: string;
  /** The source that the key is of. Default: what the name is spelled like, else any. */
  readonly source?: KeySource;
  /** It counts for entries from this seq on, in key periods whose first entry is one of them. Default 1. */
  readonly fromSeq?: number;
  /** It counts for entries up to this seq: those above it are treated as if there was no key. Default: any. */
  readonly untilSeq?: number;
}

/** What a data key is asked for. */
export interface EpochContext extends KeyContext {
  readonly epoch: number;
  /** The seq of its first entry. */
  readonly firstSeq: number;
}

/** Data keys that the auditor's side names, by the provider that can give them (spec 8.1, M8.1). */
export interface NamedDataKeys extends KeyNaming {
  /** A local source throws `KEY_NOT_FOUND` for a name that it holds no key under. */
  readonly keys: DataKeys;
  readonly named: readonly DataKeyName[];
  /** Where these come from, for the report: `--keys audit.key`. Default: the names themselves. */
  readonly givenBy?: string;
}

/** The last entry that a data key counts for, and why. */
export interface KeyLimit {
  readonly untilSeq: number;
  /** In words that follow a colon. */
  readonly why: string;
}

/** The data key of a key period. */
export interface FoundDataKey {
  /** Its 32 bytes; {@link FoundDataKey.erase} overwrites them. */
  readonly material: Buffer;
  /** Where the auditor has it from. */
  readonly givenBy?: string;
  /** What the auditor calls it, where a key service unwrapped it under that name. */
  readonly named?: string;
  /** Where it counts up to an entry alone. */
  readonly limit?: KeyLimit;
  erase(): void;
}

/** A key that fits, and that the auditor named for other entries. */
export interface RefusedDataKey {
  /** Why, in words that follow a colon. */
  readonly refused: string;
}

/** What finds the data key of a key period; undefined where the auditor names none. The caller erases it. */
export type DataKeyFinder = (
  reference: MacKeyReference,
  context: EpochContext,
) => Promise<FoundDataKey | RefusedDataKey | undefined>;
