import { createHash } from 'node:crypto';
import type { Producer } from '@platformatic/kafka';
import { isError, TamperError } from '../errors.ts';
import type { Finding } from '../verify/model/findings.ts';
import type { BrokerAccess } from './client/access.ts';
import { addressText, type TopicAddress } from './client/address.ts';
import { clientError } from './client/client-error.ts';
import { GuardedAnswers } from './client/guarded-answers.ts';
import { loadKafkaClient } from './client/load-client.ts';
import { clientOptions, type TopicDescription } from './client/topic-client.ts';
import type { PublishedFinding } from './published-finding.ts';

/** So many are written at a time. */
const BATCH = 500;
const ATTEMPTS = 5;

/** Names a finding by where it is and what was read, never by when. */
function findingId(description: TopicDescription, origin: string, finding: Finding): string {
  const { code, severity, file, line, offset, seq, lastSeq, message } = finding;
  const { cluster, topicId } = description;
  const what = [cluster, topicId, origin, code, severity, file, line, offset, seq, lastSeq, message];
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url').slice(0, 32);
}

/** Writes findings to a topic, each at least once, before what they were found in counts as read. */
export class FindingsTopic {
  readonly #topic: string;
  readonly #read: string;
  readonly #what: string;
  readonly #description: TopicDescription;
  readonly #producer: Producer;
  readonly #answers: GuardedAnswers;
  readonly #waiting: PublishedFinding[] = [];

  private constructor(topic: string, address: TopicAddress, description: TopicDescription, producer: Producer) {
    this.#topic = topic;
    this.#read = address.topic;
    this.#what = `writing findings to ${addressText({ ...address, topic })}`;
    this.#description = description;
    this.#producer = producer;
    this.#answers = new GuardedAnswers(producer, this.#what);
  }

  /** @throws {@link TamperError} `DEPENDENCY_MISSING` */
  static async open(
    topic: string,
    address: TopicAddress,
    access: BrokerAccess,
    description: TopicDescription,
  ): Promise<FindingsTopic> {
    const library = await loadKafkaClient();
    const producer = new library.Producer({ ...clientOptions(address, access), idempotent: true, retries: ATTEMPTS });
    return new FindingsTopic(topic, address, description, producer);
  }

  /** Something was found: it is written with {@link flush}. */
  add(origin: string, { quoted: _quoted, ...finding }: Finding): void {
    const { cluster } = this.#description;
    const id = findingId(this.#description, origin, finding);
    this.#waiting.push({ id, cluster, topic: this.#read, origin, ...finding });
  }

  /** Writes what was found since, and waits until the brokers have it. @throws {@link TamperError} */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      const messages = batch.map((finding) => ({
        topic: this.#topic,
        key: Buffer.from(finding.origin, 'utf8'),
        value: Buffer.from(JSON.stringify(finding), 'utf8'),
        headers: new Map([[Buffer.from('id'), Buffer.from(finding.id)]]),
      }));
      try {
        await this.#answers.ask(() => this.#producer.send({ messages, acks: -1 }));
      } catch (error) {
        if (!(error instanceof TamperError) && !(isError(error) && 'code' in error)) throw error;
        throw clientError(this.#what, error);
      }
      this.#waiting.splice(0, batch.length);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#producer.close();
    } catch (error) {
      if (!isError(error)) throw error; // a connection that cannot be closed is closed
    }
  }
}
