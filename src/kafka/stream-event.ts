/** What happens to the streams of a topic besides their lines. */
export type StreamEvent =
  /** Offsets `[from, to)` of a partition were gone before they were read. */
  | { readonly what: 'gap'; readonly partition: number; readonly from: number; readonly to: number }
  /** A partition ends at `to`, and was read up to `from`. */
  | { readonly what: 'cut'; readonly partition: number; readonly from: number; readonly to: number }
  /** A record of a stream is in a second partition. */
  | { readonly what: 'second-partition'; readonly stream: number; readonly partition: number; readonly offset: number }
  /** A line that is longer than any reader takes. */
  | { readonly what: 'too-long'; readonly stream: number; readonly line: number; readonly offset: number };

/** Offsets of a partition that are not there. */
export type LossEvent = Extract<StreamEvent, { readonly what: 'gap' | 'cut' }>;

/** Offsets that nobody can read yet, because a transaction before them has not ended. */
export interface HeldBack {
  readonly partition: number;
  readonly from: number;
  /** The offset after the last one. */
  readonly to: number;
}

/** Whether an event concerns every stream of its partition. */
export function isLoss(event: StreamEvent): event is LossEvent {
  return event.what === 'gap' || event.what === 'cut';
}

/** What happened, as the beginning of a sentence about what those offsets held. */
export function lossText({ what, partition, from, to }: LossEvent): string {
  return what === 'gap'
    ? `offsets ${from} to ${to - 1} of partition ${partition} were deleted before they were read`
    : `partition ${partition} was read up to offset ${from} and ends at ${to} now, so that the offsets in between are other records or none`;
}

/** What nobody can read yet, and what to do about it. */
export function heldBackText({ partition, from, to }: HeldBack): string {
  return `offsets ${from} to ${to - 1} of partition ${partition} cannot be read yet: a transaction before them has not ended; verify again when it has, or find out whose it is`;
}
