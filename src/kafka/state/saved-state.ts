import { createHash } from 'node:crypto';
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

/** The journal, as far as it counts. */
export interface SavedJournal {
  readonly file: string;
  readonly bytes: number;
  /** Hex; of its last block, over all before it. */
  readonly digest: string;
}

/** What is saved at a moment: how far each partition was read, and what came of it. */
export interface SavedState {
  readonly owner: StateOwner;
  /** The offset that is read next, by partition. */
  readonly positions: ReadonlyMap<number, number>;
  readonly tally: TopicTally;
  readonly journal: SavedJournal;
}

interface Written {
  readonly version: number;
  readonly owner: StateOwner;
  readonly positions: readonly (readonly [partition: number, offset: number])[];
  readonly tally: TopicTally;
  readonly journal: SavedJournal;
}

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Two lines: what is saved, and its SHA-256. */
export function formatSaved({ owner, positions, tally, journal }: SavedState): string {
  const written: Written = { version: 1, owner, positions: [...positions], tally, journal };
  const text = JSON.stringify(written);
  return `${text}\n${checksum(text)}\n`;
}

/** @throws {@link TamperError} `STATE_MALFORMED` */
export function parseSaved(text: string, path: string): SavedState {
  const [json = '', sum] = text.split('\n');
  if (checksum(json) !== sum) throw damaged(path);
  const { version, owner, positions, tally, journal } = JSON.parse(json) as Written;
  if (version !== 1) throw damaged(path, `it is of version ${String(version)}`);
  return { owner, positions: new Map(positions), tally, journal };
}

/** What is wrong with a state that cannot be used as it is. */
export function damaged(path: string, why = 'it was cut or changed', cause?: unknown): TamperError {
  return new TamperError('STATE_MALFORMED', `the state ${path} is damaged: ${why}`, {
    cause,
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
