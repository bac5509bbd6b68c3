import { hash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { StreamOptions } from '../fleet/check/stream-options.ts';
import type { AuditFinding, StreamResult } from '../fleet/check/stream-result.ts';
import { parseRemembered } from '../fleet/memory/remembered.ts';
import { type AuditRequest, audit, digestOf } from '../fleet/run/audit.ts';
import type { AuditSummary } from '../fleet/run/summary.ts';
import { encodeBase64 } from '../format/base64.ts';
import { KnownLock } from '../verify/auditor/known-lock.ts';
import { JournalLog, type JournalReading, type Night } from './journal-log.ts';
import { AuditNight, journalFinding, type LastNight, type ListedStream } from './night.ts';
import { base64Of, formatBegins, formatEnds, formatEntry, itemOf, type JournalEntry, NightTree } from './nights.ts';
import { StagedMemory } from './staged-memory.ts';

/** An audit whose findings are sealed before it remembers anything (spec/journal.md, section 2). */

/** The journal of an audit. */
export interface JournalOptions {
  /** The configuration of its writer. */
  readonly config: ResolvedConfig;
  /** Name and version of the program, for the record. */
  readonly verifier: string;
}

/** A lock of an audit that was killed while it made it ends after half a minute. */
const LOCK = { what: 'journal', waitMs: 35_000 } as const;
/** So many streams are named in a finding. */
const SHOWN = 3;

/**
 * Audits, and seals what it found. Where the journal itself is not ok, all is audited and said, and nothing is sealed or remembered.
 *
 * @throws {@link TamperError} as `audit`; `USAGE` for a journal that is not there, not signed, in a place that is audited, or for one
 *   part of an audit; `LOCKED`, `UNAVAILABLE`, what a sealer throws: nothing is remembered then
 */
export async function auditWithJournal(
  request: AuditRequest,
  { config, verifier }: JournalOptions,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  const options = new StreamOptions(request.options, request.stoppedAfterMs !== undefined);
  const log = new JournalLog(config, request.options.policy);
  refuse(request, log.file, await realpath(log.file));
  const lock = await KnownLock.take(`${log.file}.audit`, LOCK);
  try {
    const reading = await log.read();
    const { bytes, last, found } = await look(log, reading);
    const night = new AuditNight({ report: reading.report, bytes }, last, found, options.strict);
    await log.prepare();
    const onWrite = (id: string, text: string): void => night.staged(parseRemembered(text, id, id));
    const memory = new StagedMemory(request.memory, join(log.folder, '.staged'), onWrite);
    await memory.open();
    try {
      const audited = { ...request, memory, journal: night };
      if (reading.report.verdict !== 'ok') return await audit(audited, onResult);
      const time = request.now.toISOString();
      const policy = hash('sha256', JSON.stringify(request.options.policy ?? null), 'base64');
      const asked = encodeBase64(Buffer.from(digestOf(request, options), 'hex'));
      // J2.1: before the first stream is read
      await log.append([formatBegins({ night: time, config: asked, policy, verifier })]);
      const of = (await sealed(log, ({ unfinished }) => unfinished.at(-1))).seq;
      const summary = await audit(audited, onResult);
      lock.assertHeld(); // J2.3: from here on in this order
      const { root, streams, bits } = await writeList(log, night.entries());
      await log.append([formatEnds({ night: time, of, streams, bits, root })]);
      await sealed(log, ({ nights }) => nights.findLast((one) => one.of === of));
      lock.assertHeld();
      await memory.advance();
      return summary;
    } finally {
      await memory.close();
    }
  } finally {
    lock.release();
  }
}

/** @throws {@link TamperError} `USAGE` */
function refuse({ places, shard }: AuditRequest, file: string, path: string): void {
  if (shard.count > 1) {
    throw new TamperError('USAGE', 'one part of an audit cannot be sealed in a journal', {
      hint: 'With --journal, audit all streams in one process.',
    });
  }
  const inside = places.find((place) => place.holds(path) || place.holds(resolve(file)));
  if (inside === undefined) return;
  throw new TamperError('USAGE', `the journal ${file} is in ${inside.name}, which is to be audited`, {
    hint: 'Keep the journal where no writer of logs can write. The audit verifies it in any case.',
  });
}

/** What an auditor would not find in the journal must not be remembered. @throws {@link TamperError} `VERIFY_FAILED` */
async function sealed<T>(log: JournalLog, find: (reading: JournalReading) => T | undefined): Promise<T> {
  const reading = await log.verified();
  const one = reading.report.verdict === 'ok' ? find(reading) : undefined;
  if (one !== undefined) return one;
  throw new TamperError('VERIFY_FAILED', `the journal ${log.origin} does not hold what was just sealed`, {
    hint: `Nothing of this audit is remembered. Run: fapilog-tamper verify ${log.file} --origin ${log.origin}, with its public key.`,
  });
}

/** J2.1, J2.2, J2.6: what the journal and its last two lists say before a night begins. */
async function look(
  log: JournalLog,
  { report, nights, unfinished, problems }: JournalReading,
): Promise<{ readonly bytes: number; readonly last: LastNight | undefined; readonly found: readonly AuditFinding[] }> {
  const { size: bytes } = await stat(log.file);
  if (report.verdict !== 'ok') return { bytes, last: undefined, found: [] };
  const found = problems.map((problem) => journalFinding('JOURNAL_WRONG', problem));
  for (const { night, seq } of unfinished) {
    const message = `the night ${night}, which began with entry ${seq}, did not end: nothing of it was remembered`;
    found.push(journalFinding('JOURNAL_UNFINISHED', message));
  }
  const [before, last] = [nights.at(-2), nights.at(-1)];
  const earlier = before && (await streamsOf(log, before, found));
  const streams = last && (await streamsOf(log, last, found, earlier));
  return { bytes, last: last && streams && { night: last.night, streams }, found };
}

/** The streams of a night, compared with those of the one before it; undefined where its list is not there as it was sealed. */
async function streamsOf(
  log: JournalLog,
  night: Night,
  found: AuditFinding[],
  earlier?: ReadonlyMap<string, ListedStream>,
): Promise<ReadonlyMap<string, ListedStream> | undefined> {
  const streams = new Map<string, ListedStream>();
  const wrong: string[] = [];
  const tree = await log.readList(night, ({ origin, state, head, since }) => {
    streams.set(origin, { state, head: head ?? since });
    const known = earlier?.get(origin)?.head;
    const isKept = known === undefined || (since?.size === known.size && since.root === known.root);
    const goesOn = head === undefined || since === undefined || head.size > since.size || head.root === since.root;
    if (!isKept || !goesOn || (head?.size ?? Number.POSITIVE_INFINITY) < (since?.size ?? 0)) wrong.push(origin);
  });
  if ('code' in tree) {
    found.push(journalFinding(tree.code, tree.problem));
    return undefined;
  }
  for (const [origin, { state }] of earlier ?? []) if (state !== 'retired' && !streams.has(origin)) wrong.push(origin);
  if (wrong.length > 0) {
    const named = wrong.slice(0, SHOWN).join(', ');
    const message = `the list of the night ${night.night} does not go on from the one before it in ${wrong.length} streams: ${named}`;
    found.push(journalFinding('JOURNAL_WRONG', wrong.length > SHOWN ? `${message}, …` : message));
  }
  return streams;
}

/** J1.4: the list of a night, in the order of its keys. */
async function writeList(
  log: JournalLog,
  entries: readonly JournalEntry[],
): Promise<{ readonly root: string; readonly streams: number; readonly bits: number }> {
  const listed = entries.map((entry) => {
    const line = formatEntry(entry);
    return { line, item: itemOf(entry.origin, line) };
  });
  listed.sort((one, other) => (one.item.key < other.item.key ? -1 : 1));
  const tree = new NightTree(listed.map(({ item }) => item));
  const root = base64Of(tree.root);
  await log.writeList(
    root,
    listed.map(({ line }) => line),
  );
  return { root, streams: tree.streams, bits: tree.bits };
}
