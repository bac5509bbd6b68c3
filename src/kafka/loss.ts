import type { StreamEvent } from './state/frames.ts';

/** Offsets of a partition that are not there. */
export type LossEvent = Extract<StreamEvent, { readonly what: 'gap' | 'cut' }>;

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
