import type { BaseOptions, Consumer, fetchV17, ResponseError } from '@platformatic/kafka';
import { isError, isTamperError, systemCode, TamperError } from '../../errors.ts';
import type { BrokerAccess } from './access.ts';
import { addressText, type TopicAddress } from './address.ts';
import { TOO_LARGE, type TooLargeAnswer, withBoundedBatches } from './bounded-batches.ts';
import { brokerCodes, clientError } from './client-error.ts';
import { committedRecords, type FetchedPartition } from './committed-records.ts';
import { GuardedAnswers } from './guarded-answers.ts';
import { type KafkaClient, loadKafkaClient } from './load-client.ts';

/** One topic of a cluster, read by its partitions and offsets: no consumer group is joined, nothing is committed. */

const CLIENT_ID = 'fapilog-tamper';
const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const EARLIEST = -2n;
const LATEST = -1n;
/** So much is fetched at a time, in bytes: of a broker, and of a partition. One batch is always whole. */
const FETCH_BYTES = 8 * 2 ** 20;
const PARTITION_BYTES = 2 ** 20;
/** After an answer that becomes too large one batch is fetched, then so many times as much as before, */
const GROWTH = 4;
/** up to a part of what was too much. */
const SHRINKAGE = 16;
/** No session of fetches: each one says what it wants. */
const NO_SESSION = -1;
const FETCH = 1;
/** So many partitions are named of those that were asked for. */
const MOST_PLACES = 8;
const FETCH_VERSIONS = [17, 16, 15, 14, 13] as const;

/** What a cluster says of a topic. */
export interface TopicDescription {
  readonly cluster: string;
  readonly topicId: string;
  /** The node that each partition is read from, by partition. */
  readonly leaders: readonly number[];
}

/** What a fetch brought: partitions with records, and those whose offset the broker does not have. */
export interface Fetched {
  readonly partitions: readonly FetchedPartition[];
  readonly outOfRange: readonly number[];
}

/** How the client is set up, for readers and writers alike. */
export function clientOptions(address: TopicAddress, access: BrokerAccess): BaseOptions {
  return {
    clientId: CLIENT_ID,
    bootstrapBrokers: [...address.brokers],
    connectTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retries: 0, // they are repeated here, where it is known for how long
    autocreateTopics: false,
    ...(access.tls !== undefined && { tls: access.tls, tlsServerName: !isAddress(address) }),
    ...(access.sasl !== undefined && { sasl: access.sasl }),
  };
}

/** A name for SNI; an address is none (RFC 6066). */
function isAddress({ brokers }: TopicAddress): boolean {
  return brokers.some((broker) => /^(?:\[|[0-9.]+:)/.test(broker));
}

/** A connection to the brokers of a topic. Every method throws {@link TamperError}; `retryable` where it may pass. */
export class TopicClient {
  readonly #address: TopicAddress;
  readonly #what: string;
  readonly #library: KafkaClient;
  readonly #consumer: Consumer;
  readonly #answers: GuardedAnswers;
  #leaders: readonly number[] = [];
  #topicId = '';
  #fetchVersion: (typeof FETCH_VERSIONS)[number] | undefined;
  /** What the next fetch asks for, and at most later ones, in bytes, by the node that is asked. */
  readonly #fetchBytes = new Map<number, { readonly next: number; readonly most: number }>();
  #fetches = 0;

  private constructor(address: TopicAddress, library: KafkaClient, consumer: Consumer) {
    this.#address = address;
    this.#what = `reading ${addressText(address)}`;
    this.#library = library;
    this.#consumer = consumer;
    this.#answers = new GuardedAnswers(consumer, this.#what);
  }

  /** Loads the client; nothing is asked yet. @throws {@link TamperError} `DEPENDENCY_MISSING` */
  static async create(address: TopicAddress, access: BrokerAccess): Promise<TopicClient> {
    const library = await loadKafkaClient();
    const consumer = new library.Consumer({ ...clientOptions(address, access), groupId: CLIENT_ID });
    return new TopicClient(address, library, consumer);
  }

  /** Asks the cluster anew what it knows of the topic. */
  async describe(): Promise<TopicDescription> {
    const { topic } = this.#address;
    return this.#asked(async () => {
      this.#consumer.clearMetadata();
      const metadata = await this.#consumer.metadata({ topics: [topic], forceUpdate: true });
      const found = metadata.topics.get(topic);
      if (found === undefined) throw new TamperError('NOT_FOUND', `there is no topic ${topic}`);
      this.#topicId = found.id;
      this.#leaders = found.partitions.map(({ leader }) => leader);
      return { cluster: metadata.id, topicId: found.id, leaders: this.#leaders };
    });
  }

  /** Whether the cluster has another topic, which is written to. */
  async has(topic: string): Promise<boolean> {
    return this.#asked(async () => {
      try {
        return (await this.#consumer.metadata({ topics: [topic], forceUpdate: true })).topics.has(topic);
      } catch (error) {
        if (clientError(this.#what, error).code === 'NOT_FOUND') return false;
        throw error;
      }
    });
  }

  /** The first offset of each partition that is still there. */
  async earliest(): Promise<readonly number[]> {
    return this.#offsets(EARLIEST, READ_COMMITTED);
  }

  /** The end of each partition, as far as transactions are decided: an open one of any producer holds back what follows it. */
  async decided(): Promise<readonly number[]> {
    return this.#offsets(LATEST, READ_COMMITTED);
  }

  /** The end of each partition, transactions that are not decided included. */
  async latest(): Promise<readonly number[]> {
    return this.#offsets(LATEST, READ_UNCOMMITTED);
  }

  /**
   * Fetches from the partitions of `positions`; waits up to `waitMs` where there is nothing. If what comes is too large, it brings
   * nothing, and the next fetches are smaller.
   *
   * @throws {@link TamperError} `RESPONSE_MALFORMED` besides, with the partition and the offset of a batch that is too large by itself
   */
  async fetch(positions: ReadonlyMap<number, number>, waitMs: number): Promise<Fetched> {
    try {
      return await this.#fetch(positions, waitMs);
    } catch (error) {
      if (!isTamperError(error) || error !== this.#answers.failure) throw error;
      const { code, message, hint } = error; // what cannot be read does not say which partition it is of
      const places = [...positions].map(([partition, offset]) => `partition ${partition}, offset ${offset}`);
      const more = places.length > MOST_PLACES ? `; ${places.length - MOST_PLACES} more` : '';
      const asked = `${message}, asked for ${places.slice(0, MOST_PLACES).join('; ')}${more}`;
      throw new TamperError(code, asked, { ...(hint !== undefined && { hint }) });
    }
  }

  async #fetch(positions: ReadonlyMap<number, number>, waitMs: number): Promise<Fetched> {
    return this.#asked(async () => {
      const byLeader = new Map<number, number[]>();
      for (const partition of positions.keys()) {
        const leader = this.#leaders[partition] ?? -1;
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
      }
      const all = await Promise.all(
        [...byLeader].map(async ([leader, partitions]) => this.#fetchFrom(leader, partitions, positions, waitMs)),
      );
      return {
        partitions: all.flatMap(({ partitions }) => partitions),
        outOfRange: all.flatMap(({ outOfRange }) => outOfRange),
      };
    });
  }

  async close(): Promise<void> {
    try {
      await this.#consumer.close();
    } catch (error) {
      if (!isError(error)) throw error; // a connection that cannot be closed is closed
    }
  }

  async #fetchFrom(
    leader: number,
    partitions: readonly number[],
    positions: ReadonlyMap<number, number>,
    waitMs: number,
  ): Promise<Fetched> {
    const { next: bytes, most } = this.#fetchBytes.get(leader) ?? { next: FETCH_BYTES, most: FETCH_BYTES };
    const first = this.#fetches++ % partitions.length; // what brokers have room for is what is named first
    const turned = [...partitions.slice(first), ...partitions.slice(0, first)];
    const response = await this.#answerOf(leader, turned, positions, waitMs, bytes);
    if ('onlyIn' in response) {
      if (response.onlyIn !== undefined) throw this.#tooLarge(response.onlyIn, positions);
      this.#fetchBytes.set(leader, { next: 1, most: Math.max(1, Math.floor(bytes / SHRINKAGE)) });
      if (bytes === 1) await this.#findTooLarge(leader, turned, positions);
      return { partitions: [], outOfRange: [] };
    }
    this.#fetchBytes.set(leader, { next: Math.min(bytes * GROWTH, most), most });
    const answered = response.responses.flatMap((one) => one.partitions);
    return {
      partitions: answered
        .filter(({ errorCode }) => errorCode === 0)
        .map((one) => committedRecords(one, positions.get(one.partitionIndex) ?? 0)),
      outOfRange: answered.filter(({ errorCode }) => errorCode !== 0).map(({ partitionIndex }) => partitionIndex),
    };
  }

  /** Asks for the next batch of each partition alone. */
  async #findTooLarge(
    leader: number,
    partitions: readonly number[],
    positions: ReadonlyMap<number, number>,
  ): Promise<void> {
    const isOne = partitions.length === 1;
    for (const partition of partitions) {
      if (!isOne && !('onlyIn' in (await this.#answerOf(leader, [partition], positions, 0, 1)))) continue;
      throw this.#tooLarge(partition, positions);
    }
  }

  #tooLarge(partition: number, positions: ReadonlyMap<number, number>): TamperError {
    const place = `partition ${partition}, offset ${positions.get(partition) ?? 0}`;
    return new TamperError('RESPONSE_MALFORMED', `${this.#what}: ${place}: the next batch becomes ${TOO_LARGE}`, {
      hint: 'Find out who wrote it: keep strangers from writing to the topic.',
    });
  }

  async #answerOf(
    leader: number,
    partitions: readonly number[],
    positions: ReadonlyMap<number, number>,
    waitMs: number,
    bytes: number,
  ): Promise<fetchV17.FetchResponse | TooLargeAnswer> {
    const connection = (await this.#consumer.connectToBrokers([leader])).get(leader);
    if (connection === undefined) {
      throw new TamperError('UNAVAILABLE', `${this.#what}: a partition has no leader`, { retryable: true });
    }
    const version = await this.#version();
    const { createRequest, parseResponse } = this.#library[`fetchV${version}`];
    type Parse = (...parts: Parameters<typeof parseResponse>) => fetchV17.FetchResponse | TooLargeAnswer;
    const parse: Parse = (id, apiKey, apiVersion, reader) =>
      withBoundedBatches(this.#library, reader, (whole) => parseResponse(id, apiKey, apiVersion, whole));
    const api = this.#library.createAPI<Parameters<typeof createRequest>, ReturnType<Parse>>(
      FETCH,
      version,
      createRequest,
      parse,
    );
    const asked = partitions.map((partition) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(positions.get(partition) ?? 0),
      lastFetchedEpoch: -1,
      partitionMaxBytes: Math.min(bytes, PARTITION_BYTES),
    }));
    const topics = [{ topicId: this.#topicId, partitions: asked }];
    try {
      return await api.async(connection, waitMs, 1, bytes, READ_COMMITTED, 0, NO_SESSION, topics, [], '');
    } catch (error) {
      const codes = brokerCodes(error);
      if (codes.length === 0 || codes.some((code) => code !== 'OFFSET_OUT_OF_RANGE')) throw error;
      return (error as ResponseError)['response'] as fetchV17.FetchResponse;
    }
  }

  /** The newest form of the request that both sides know. */
  async #version(): Promise<(typeof FETCH_VERSIONS)[number]> {
    if (this.#fetchVersion !== undefined) return this.#fetchVersion;
    const spoken = (await this.#consumer.listApis()).find(({ name }) => name === 'Fetch');
    const version = FETCH_VERSIONS.find(
      (one) => one <= (spoken?.maxVersion ?? 0) && one >= (spoken?.minVersion ?? Number.MAX_SAFE_INTEGER),
    );
    if (version === undefined) {
      throw new TamperError('UNSUPPORTED_OPERATION', `${this.#what}: the brokers are older than Kafka 3.1`);
    }
    this.#fetchVersion = version;
    return version;
  }

  async #offsets(timestamp: bigint, isolationLevel: number): Promise<readonly number[]> {
    const { topic } = this.#address;
    return this.#asked(async () => {
      const options = { topics: [topic], timestamp, isolationLevel };
      return ((await this.#consumer.listOffsets(options)).get(topic) ?? []).map(Number);
    });
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await this.#answers.ask(ask);
    } catch (error) {
      if (!(error instanceof TamperError) && systemCode(error) === '' && !isClientError(error)) throw error;
      throw clientError(this.#what, error);
    }
  }
}

/** Errors of the client have a code; a mistake of ours has none. */
function isClientError(error: unknown): boolean {
  return isError(error) && 'code' in error;
}
