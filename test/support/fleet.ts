import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditMemory } from '../../src/audit/memory/audit-memory.ts';
import { DirectoryMemory } from '../../src/audit/memory/directory-memory.ts';
import { StorageMemory } from '../../src/audit/memory/storage-memory.ts';
import { DirectoryPlace } from '../../src/audit/place/directory-place.ts';
import type { LogPlace } from '../../src/audit/place/log-place.ts';
import { StoragePlace } from '../../src/audit/place/storage-place.ts';
import { type AuditRequest, audit } from '../../src/audit/run/audit.ts';
import { ALL } from '../../src/audit/run/shard.ts';
import { type AuditSummary, formatVkey, type StreamResult } from '../../src/index.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';
import { MemoryStorage } from './memory-storage.ts';
import { type EpochKeys, SealedLog } from './sealed-log.ts';

/** Logs of many streams, in a directory or in a bucket, and what audits them. */

/** The clock of an audit: an hour after the first entry of every log. */
export const NOW: Date = new Date('2026-11-25T00:00:00Z');
export const DAY: number = 86_400_000;
const MAX_BYTES = 2 ** 30;

/** Where the logs are. */
export interface FleetFiles {
  readonly place: LogPlace;
  readonly memory: AuditMemory;
  write(name: string, bytes: Uint8Array): void;
  read(name: string): Buffer;
  remove(name: string): void;
  names(): string[];
  /** Waits until a change of a file shows in its times. */
  settle(): Promise<void>;
  close(): void;
}

/** Logs and memory in a directory. */
export function fleetOnDisk(): FleetFiles {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  return {
    place: new DirectoryPlace(logs, MAX_BYTES),
    memory: new DirectoryMemory(join(folder, 'memory')),
    write: (name, bytes) => {
      mkdirSync(dirname(join(logs, name)), { recursive: true });
      writeFileSync(join(logs, name), bytes);
    },
    read: (name) => readFileSync(join(logs, name)),
    remove: (name) => rmSync(join(logs, name)),
    names: () =>
      readdirSync(logs, { recursive: true })
        .map(String)
        .filter((name) => statSync(join(logs, name)).isFile())
        .sort(),
    settle: () => delay(60),
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** The same in a bucket. */
export function fleetInBucket(): FleetFiles & { readonly bucket: MemoryStorage } {
  const bucket = new MemoryStorage();
  return {
    bucket,
    place: new StoragePlace(bucket, 'logs', MAX_BYTES),
    memory: new StorageMemory(bucket, 'memory'),
    write: (name, bytes) => void bucket.set(`logs/${name}`, bytes),
    read: (name) => Buffer.from(bucket.text(`logs/${name}`) ?? '', 'utf8'),
    remove: (name) => bucket.delete(`logs/${name}`),
    names: () => bucket.keys().flatMap((key) => (key.startsWith('logs/') ? [key.slice(5)] : [])),
    settle: async () => undefined,
    close: () => undefined,
  };
}

/** What a file begins with that zstd has compressed. */
export const ZSTD: Buffer = Buffer.from('28b52ffd2400', 'hex');

/** JSON, as a tool writes it that has read it: of each line, or of a whole file such as a manifest. */
export function rewritten(text: string): string {
  const documents = text.startsWith('{\n') ? [text] : text.split('\n').slice(0, -1);
  return documents.map((one) => `${JSON.stringify(JSON.parse(one), undefined, 1).replaceAll('\n', ' ')}\n`).join('');
}

/** A log of so many closed files, `0001.jsonl` and on, each with three records and a checkpoint. */
export function rotatedLog(origin: string, files: number, keys: EpochKeys = signKeys, text = 'same'): SealedLog {
  const log = new SealedLog(origin);
  log.file = '0001.jsonl';
  log.open(keys).seal().checkpoint();
  for (let file = 1; file <= files; file++) {
    if (file > 1) log.rotate(`${String(file).padStart(4, '0')}.jsonl`);
    log.record(`{"file":${file},"text":"${text}"}`, '{"n":1}', '{"n":2}').close('rotated').checkpoint();
  }
  return log;
}

/** A line with a checkpoint, another character in its last signature; any other line as it is. */
export function spoilSignature(line: string): string {
  return line.replace(/(.)(.{20}\\n"}})$/, (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}`);
}

/** Puts the files of a log into a folder, from one of them on. */
export function ship(fleet: FleetFiles, log: SealedLog, folder: string, from = 0): void {
  for (const { name, bytes } of log.toFiles().slice(from)) fleet.write(`${folder}/${name}`, bytes);
}

/** What an audit said. */
export interface Audited {
  readonly results: readonly StreamResult[];
  readonly summary: AuditSummary;
  /** `STREAM: RESULT VERDICT CHECKED`, in the order of their names. */
  readonly said: readonly string[];
}

/** Audits a fleet whose streams are signed with the first key. */
export async function auditFleet(
  fleet: Pick<FleetFiles, 'place' | 'memory' | 'settle'>,
  more: Partial<AuditRequest> = {},
): Promise<Audited> {
  await fleet.settle();
  const results: StreamResult[] = [];
  const summary = await audit(
    {
      places: [fleet.place],
      memory: fleet.memory,
      options: { origin: 'fleet/*', publicKeys: [formatVkey('fleet', edKey.noteKey)] },
      shard: ALL,
      now: NOW,
      stoppedAfterMs: DAY,
      ...more,
    },
    async (result) => void results.push(result),
  );
  const said = results
    .map(({ stream, result, verdict, checked }) => `${stream}: ${result} ${verdict} ${checked}`)
    .sort();
  return { results, summary, said };
}
