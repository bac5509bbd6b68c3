import { createHash } from 'node:crypto';
import { TamperError } from '../errors.ts';
import { withKnown } from '../verify/auditor/known.ts';
import type { KnownStreams } from '../verify/auditor/known-streams.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { Policy } from '../verify/auditor/policy.ts';
import { patternsOf } from '../verify/files/grouping.ts';
import type { Finding } from '../verify/model/findings.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';
import { brokerAccess } from './client/access.ts';
import { isTopicName, parseTopicAddress } from './client/address.ts';
import { TopicClient } from './client/topic-client.ts';
import { FindingsTopic } from './findings-topic.ts';
import type { StateOwner } from './state/frames.ts';
import { StateDirectory } from './state/state-directory.ts';
import { type Patience, TopicReader } from './topic-reader.ts';
import { reportOn } from './topic-report.ts';
import type { TopicTally } from './topic-tally.ts';
import { TopicVerification } from './topic-verification.ts';

/** A topic to verify, and how. */
export interface TopicOptions {
  /** `kafka://HOST:PORT[,HOST:PORT]/TOPIC`; `kafkas://` for TLS. */
  readonly from: string;
  /** The streams, keys and demands, as for files; `paths` is not used. */
  readonly verify: VerifyOptions;
  /** Where credentials for the brokers are: see `brokerAccess`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A directory for offsets and what was read; without it the topic is read from its beginning. */
  readonly state?: string | undefined;
  /** A topic for findings. */
  readonly findingsTopic?: string | undefined;
  /** Read on at the end until `stop`. Default false. */
  readonly follow?: boolean | undefined;
  /** Ends the reading, with a report on what was read. */
  readonly stop?: AbortSignal | undefined;
  /** Told of each finding as it is found. */
  readonly onFinding?: ((origin: string, finding: Finding) => void) | undefined;
  /** Told, in words, of brokers that are away and back. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** How long brokers may be away. Default: 15 s at the start, 2 minutes under way, for ever with `follow`. */
  readonly patience?: Patience | undefined;
}

const PATIENCE: Patience = { atStart: 15_000, underWay: 120_000 };

/**
 * Verifies the streams of a topic of Kafka: a record's key is the origin of its stream, its value a sealed line, the records of
 * one stream in the order of their offsets. The report is that of the same lines in files.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `UNAVAILABLE`, `UNAUTHENTICATED`, `ACCESS_DENIED`, `TLS_FAILED`,
 *   `INSECURE_ENDPOINT`, `DEPENDENCY_MISSING`, `UNSUPPORTED_OPERATION`; of the state `STATE_CONFLICT`, `STATE_MALFORMED`, `LOCKED`,
 *   `WRITE_FAILED`
 */
export async function verifyTopic(options: TopicOptions): Promise<VerifyReport> {
  const { known } = options.verify;
  checkOptions(options);
  if (known === undefined) return (await verifyWith(options, new Map())).result;
  return withKnown(known, true, (before) => verifyWith(options, before));
}

function checkOptions({ verify, findingsTopic, follow }: TopicOptions): void {
  patternsOf(verify);
  if (verify.policy?.streams.some(({ manifestRequired }) => manifestRequired)) {
    throw new TamperError('USAGE', 'a manifest is about a file that its writer closed, not about a topic', {
      hint: 'Verify the file that the writer closed, or demand no manifest.',
    });
  }
  if (findingsTopic !== undefined && !isTopicName(findingsTopic)) {
    throw new TamperError('USAGE', '--findings-topic is a name of 1 to 249 characters A-Z a-z 0-9 . _ -');
  }
  if (follow === true && verify.known !== undefined) {
    throw new TamperError('USAGE', '--known is changed when everything is ok, and --follow does not end', {
      hint: 'Leave one of them out; --state remembers what was read.',
    });
  }
}

async function verifyWith(
  options: TopicOptions,
  known: KnownStreams,
): ReturnType<Parameters<typeof withKnown<VerifyReport>>[2]> {
  const { verify, env, follow = false, findingsTopic, stop = new AbortController().signal } = options;
  const address = parseTopicAddress(options.from);
  if (findingsTopic === address.topic) {
    throw new TamperError('USAGE', '--findings-topic is the topic that is read: findings would be lines of the log');
  }
  const access = await brokerAccess(address, env);
  const held = [...(verify.held ?? []), ...[...known.values()].flatMap(({ first, newest }) => [first, newest])];
  const patience = options.patience ?? (follow ? { ...PATIENCE, underWay: Number.POSITIVE_INFINITY } : PATIENCE);
  const onOutage = (error: TamperError | undefined): void =>
    options.onNotice?.(error === undefined ? 'the brokers answer again' : error.message);
  const client = await TopicClient.create(address, access);
  const opened: { close(): Promise<void> | void }[] = [client];
  try {
    const reader = await TopicReader.open(client, { follow, stop, onOutage, patience });
    opened.push(reader);
    const { description } = reader;
    if (findingsTopic !== undefined && !(await client.has(findingsTopic))) {
      throw new TamperError('NOT_FOUND', `there is no topic ${findingsTopic} for findings`, {
        hint: 'Make it first, with as many partitions as you like.',
      });
    }
    const owner: StateOwner = {
      cluster: description.cluster,
      topic: address.topic,
      topicId: description.topicId,
      origins: [...patternsOf(verify)].sort(),
      policy: digestOf(verify.policy),
    };
    const state = options.state === undefined ? undefined : await StateDirectory.open(options.state, owner);
    if (state !== undefined) opened.push(state);
    const findings =
      findingsTopic === undefined ? undefined : await FindingsTopic.open(findingsTopic, address, access, description);
    if (findings !== undefined) opened.push(findings);
    const verification = new TopicVerification({
      topic: address.topic,
      verify,
      held,
      reader,
      state,
      findings,
      onFinding: options.onFinding,
      onBytes: (bytes) => verify.onProgress?.(bytes, 0),
    });
    const verified = await verification.run();
    const { tally, positions } = verified;
    const result = reportOn(verify, held, verified, {
      cluster: description.cluster,
      name: address.topic,
      partitions: [...positions].map(([partition, next]) => ({ partition, ...firstOf(tally, partition), next })),
      leftOut: tally.leftOut,
    });
    const seen = result.streams.flatMap(({ origin, firstSeq: from, firstCheckpoint: first, checkpoint: newest }) =>
      first === undefined || newest === undefined ? [] : [{ origin, first, newest, from }],
    );
    return { result, ok: result.verdict === 'ok', seen };
  } finally {
    for (const one of opened.reverse()) await one.close();
  }
}

/** Where a partition began at the first look, if that was not at its first record ever. */
function firstOf({ begun = [] }: TopicTally, partition: number): { first?: number } {
  const first = new Map(begun).get(partition);
  return first === undefined ? {} : { first };
}

/** A policy by what it says. */
function digestOf(policy: Policy | undefined): string {
  return policy === undefined ? '' : createHash('sha256').update(JSON.stringify(policy)).digest('hex');
}
