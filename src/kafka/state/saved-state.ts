import { TamperError } from '../../errors.ts';
import type { TopicTally } from '../topic-tally.ts';

/** Whose state it is. */
export interface StateOwner {
  /** The id of the cluster, as the brokers say it. */
  readonly cluster: string;
  readonly topic: string;
  /** A topic that is deleted and made anew has another one. */
  readonly topicId: string;
  /** The names of the streams, as the auditor gave them. */
  readonly origins: readonly string[];
  /** Hex SHA-256 of what the policy says; empty without one. */
  readonly policy: string;
}

/** How far each partition was read, and what belongs to no stream. */
export interface Progress {
  /** The offset that is read next, by partition. */
  readonly positions: ReadonlyMap<number, number>;
  readonly tally: TopicTally;
}

/** The beginning of a snapshot. */
export interface SavedState {
  readonly kind: 'saved';
  readonly version: number;
  readonly owner: StateOwner;
  readonly positions: readonly (readonly [partition: number, offset: number])[];
  readonly tally: TopicTally;
}

/** The only version that is read. */
export const STATE_VERSION = 2;

/** What is wrong with a state that cannot be used as it is. */
export function damaged(path: string, why = 'it was cut or changed'): TamperError {
  return new TamperError('STATE_MALFORMED', `the state ${path} is damaged: ${why}`, {
    hint: 'Name another --state PATH: the topic is then read from its beginning. Keep the damaged one if you want to know why.',
  });
}

/** A state goes on only with what it was begun with. @throws {@link TamperError} `STATE_CONFLICT` */
export function checkOwner(saved: StateOwner, present: StateOwner, path: string): void {
  const other = differences(saved, present);
  if (other === undefined) return;
  throw new TamperError('STATE_CONFLICT', `the state ${path} belongs to ${other}`, {
    hint: 'Name another --state PATH for this verification, or run it with what the state was begun with.',
  });
}

function differences(saved: StateOwner, present: StateOwner): string | undefined {
  if (saved.cluster !== present.cluster) return `another cluster (${saved.cluster}, not ${present.cluster})`;
  if (saved.topic !== present.topic) return `another topic (${saved.topic}, not ${present.topic})`;
  if (saved.topicId !== present.topicId) return `an earlier topic ${saved.topic}, which was deleted since`;
  if (saved.origins.join('\n') !== present.origins.join('\n')) {
    return `other streams (${saved.origins.join(', ')}, not ${present.origins.join(', ')})`;
  }
  if (saved.policy !== present.policy) return 'another policy: what it says was changed, or there was none';
  return undefined;
}
