import type { StreamOptions } from '../check/stream-options.ts';
import type { StreamResult } from '../check/stream-result.ts';
import type { RememberedStream } from '../memory/remembered.ts';

/** What is told of an audit while it goes on, and may find more in its streams. */
export interface AuditJournal {
  /** What is remembered of each stream that is named, before any of them is read. */
  readonly remembered: (stream: RememberedStream) => void;
  /** That was all; but for what is remembered under `damaged` ids, and cannot be read. It may hold checkpoints. */
  readonly allRemembered: (options: StreamOptions, damaged: ReadonlySet<string>) => void;
  /** The line of a stream, with what the journal finds. */
  readonly result: (result: StreamResult) => StreamResult;
  /** What the journal says besides, after the lines of all streams. */
  readonly results: () => readonly StreamResult[];
}
