import type { Clock } from '../foundation/clock.ts';
import type { OpenBucket } from './anchor/object-store.ts';
import type { FileClosedEvent } from './checkpoint/sealer-events.ts';
import type { LockSettings } from './disk/lock.ts';
import type { KeySources } from './epoch/key-sources.ts';

/** What a sealer is made with, besides its configuration. */
export interface SealerParts {
  /** Where keys come from. Called until it works; a failure counts as a failure to start. */
  readonly keys: () => Promise<KeySources> | KeySources;
  /** Opens the bucket of an anchor in S3. Called until it works; a failure is a warning. */
  readonly openBucket: OpenBucket;
  readonly clock?: Clock;
  /** How the stream's lock sees time. For tests. */
  readonly lock?: LockSettings;
  /** Whether a failure of the constructor is one of the log (`on_failure`) instead: the caller has lines that are to be kept. */
  readonly failsLater?: boolean;
  /** What is wrong with the configuration and nobody was told yet, as sentences: `warning` events. */
  readonly warnings?: readonly string[];
  /** Ends what `keys` made. Keys that the caller gave stay open. */
  readonly release?: () => Promise<void>;
  /** Gets each chunk as it came (`tee`). */
  readonly tee?: (chunk: string | Uint8Array) => void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verifyClosed?: (event: FileClosedEvent) => Promise<void>;
}
