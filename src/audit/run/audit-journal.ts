import type { StreamResult } from '../check/stream-result.ts';

/** What is told of an audit while it goes on, and may find more in its streams. */
export interface AuditJournal {
  /** The line of a stream, with what the journal finds; undefined if there is nothing to say of it. */
  readonly result: (result: StreamResult) => StreamResult | undefined;
  /** What the journal says besides, after the lines of all streams. */
  readonly results: () => readonly StreamResult[];
}
