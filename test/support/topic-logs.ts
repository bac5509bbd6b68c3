import { setTimeout as wait } from 'node:timers/promises';
import { Admin, type MessageToProduce, Producer } from '@platformatic/kafka';
import { dataKey, edKey, thirdEdKey } from '../vectors/keys.ts';
import { type CheckpointChoice, SealedLog } from './sealed-log.ts';
import { vkeyOf } from './signing-keys.ts';

/** Logs that are in a topic: one stream a key. */

export const FLEET = 'audit.example.com/fleet';

/** What an auditor of the fleet brings. */
export const fleetKey: string = dataKey.toString('hex');
export const fleetVkey: string = vkeyOf('fleet-signer', edKey);

/** A closed log of so many records, sealed every so many. */
export function fleetLog(origin: string, records: number, every = 100): SealedLog {
  const log = new SealedLog(origin)
    .open({ dataKey, signers: [edKey] })
    .seal()
    .checkpoint();
  for (let at = 1; at <= records; at++) {
    log.record(`{"level":30,"msg":"request ${at} of ${origin} was answered","took":${(at * 7919) % 997}}`);
    if (at % every === 0) log.seal().checkpoint();
  }
  return log.close().checkpoint();
}

/** What somebody does to the lines of a log. */
export type Tampering = (lines: Buffer[], log: SealedLog) => Buffer[];

const isRecord = (line: Buffer): boolean => line.includes('"msg":');
/** The place of the n-th record. */
const recordAt = (lines: readonly Buffer[], n: number): number => {
  let left = n;
  return lines.findIndex((line) => isRecord(line) && left-- === 0);
};

/** One of each class; `n` is the record at which it happens. */
export const tamperings = (n: number): Readonly<Record<string, Tampering>> => ({
  'changed byte': (lines) => {
    const at = recordAt(lines, n);
    const line = Buffer.from(lines[at] as Buffer);
    line.write('X', line.indexOf('answered'));
    return lines.toSpliced(at, 1, line);
  },
  'removed record': (lines) => lines.toSpliced(recordAt(lines, n), 1),
  'removed twenty': (lines) => lines.toSpliced(recordAt(lines, n), 20),
  'swapped records': (lines) => {
    const [at, other] = [recordAt(lines, n), recordAt(lines, n + 1)];
    const swapped = [...lines];
    [swapped[at], swapped[other]] = [lines[other] as Buffer, lines[at] as Buffer];
    return swapped;
  },
  'inserted line': (lines) => lines.toSpliced(recordAt(lines, n), 0, Buffer.from('{"msg":"nothing was ever sealed"}')),
  'repeated record': (lines) => {
    const at = recordAt(lines, n);
    return lines.toSpliced(at, 0, lines[at] as Buffer);
  },
  truncated: (lines) => lines.slice(0, recordAt(lines, n)),
  'forged signature': (lines, log) => [...lines.slice(0, -1), checkpointOf(log, { signers: [stranger] })],
  'another root': (lines, log) => [...lines.slice(0, -1), checkpointOf(log, { root: 'x'.repeat(32) })],
});

/** Who has the public key of the signer's, and signs with another one. */
const stranger = { ...edKey, sign: thirdEdKey.sign };

/** A checkpoint line of the log's end. */
function checkpointOf(log: SealedLog, choice: CheckpointChoice): Buffer {
  const copy = log.fork();
  copy.lines = [];
  return copy.checkpoint(choice).lines[0]?.bytes as Buffer;
}

/** A record to write. */
export interface TopicLine {
  readonly key: string | undefined;
  readonly value: Buffer | null;
  readonly partition?: number;
}

/** Makes topics. */
export async function makeTopics(
  broker: string,
  topics: readonly string[],
  partitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] });
  try {
    const set = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [...topics], partitions, replicas: 1, configs: set });
    // the broker that answers may not have heard of them yet
    for (let tries = 0; ; tries++) {
      try {
        await admin.metadata({ topics: [...topics], autocreateTopics: false, forceUpdate: true });
        break;
      } catch (error) {
        if (tries === 200) throw error;
        await wait(50);
      }
    }
  } finally {
    await admin.close();
  }
}

const MESSAGES = 2_000;

/** Writes records, in their order, each once: a request that is repeated on a busy machine would be there twice otherwise. */
export async function produce(
  broker: string,
  topic: string,
  lines: Iterable<TopicLine>,
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' = 'none',
): Promise<number> {
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker], idempotent: true, retries: 10 });
  let written = 0;
  let messages: MessageToProduce[] = [];
  const send = async (): Promise<void> => {
    if (messages.length > 0) await producer.send({ messages, acks: -1, compression });
    written += messages.length;
    messages = [];
  };
  try {
    for (const { key, value, partition = 0 } of lines) {
      const named = key === undefined ? {} : { key: Buffer.from(key) };
      messages.push({ topic, ...named, value: value as Buffer, partition });
      if (messages.length >= MESSAGES) await send();
    }
    await send();
  } finally {
    await producer.close();
  }
  return written;
}

/** The lines of several streams, so many of each at a time; a stream stays in one partition. */
export function* mixed(
  streams: ReadonlyMap<string, readonly Buffer[]>,
  partitions: number,
  atOnce = 25,
): Generator<TopicLine> {
  const longest = Math.max(...[...streams.values()].map(({ length }) => length));
  for (let from = 0; from < longest; from += atOnce) {
    let number = 0;
    for (const [key, lines] of streams) {
      const partition = number++ % partitions;
      for (const value of lines.slice(from, from + atOnce)) yield { key, value, partition };
    }
  }
}
