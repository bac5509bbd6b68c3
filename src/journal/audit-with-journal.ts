import { hash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StreamOptions } from '../audit/check/stream-options.ts';
import type { AuditFinding, StreamResult } from '../audit/check/stream-result.ts';
import type { AuditMemory } from '../audit/memory/audit-memory.ts';
import { familyId, familyOf } from '../audit/memory/family.ts';
import { parseRemembered } from '../audit/memory/remembered.ts';
import { type AuditRequest, audit, digestOf } from '../audit/run/audit.ts';
import type { AuditSummary } from '../audit/run/summary.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { encodeBase64 } from '../format/base64.ts';
import { KnownLock } from '../verify/auditor/known-lock.ts';
import type { StreamReport } from '../verify/verdict/report.ts';
import { JournalLog, type JournalReading, type Night } from './journal-log.ts';
import { AuditNight, aboutStreams, formatOwnHead, type JournalState, journalFinding } from './night.ts';
import {
  base64Of,
  formatBegins,
  formatEnds,
  formatEntry,
  isSame,
  itemOf,
  type JournalEntry,
  lastHead,
  NightTree,
} from './nights.ts';
import { SealedMemory } from './sealed-memory.ts';

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

/**
 * Audits, and seals what it found. Where the journal itself is not ok, all is audited and said, and nothing is sealed or remembered.
 *
 * @throws {@link TamperError} as `audit`; `USAGE` for a journal that is not there, not signed, in a place that is audited, or for one
 *   part of an audit; `FORMAT_INVALID`, `LOCKED`, `STATE_CONFLICT`, `UNAVAILABLE`, `VERIFY_FAILED`, what a sealer throws: of this
 *   audit nothing is remembered then
 */
export async function auditWithJournal(
  request: AuditRequest,
  { config, verifier }: JournalOptions,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  const options = new StreamOptions(request.options, request.stoppedAfterMs !== undefined);
  const { policy } = request.options;
  const log = new JournalLog(config, policy);
  refuse(request, log.file, await realpath(log.file));
  const own = new OwnHead(request.memory, log.origin);
  const lock = await KnownLock.take(`${log.file}.audit`, LOCK);
  try {
    const state = await look(log, own, options.heldOf(config.origin));
    const night = new AuditNight(state, options);
    await log.prepare();
    const path = join(log.folder, state.isSound ? '.staged' : '.unsealed');
    const memory = new SealedMemory(request.memory, path, own.id, night);
    await memory.open();
    try {
      const audited = { ...request, memory, journal: night };
      if (!state.isSound) return await audit(audited, onResult);
      const time = request.now.toISOString();
      const rules = hash('sha256', JSON.stringify(policy ?? null), 'base64');
      const asked = encodeBase64(Buffer.from(digestOf(request, options), 'hex'));
      // J2.1: before the first stream is read
      await log.append([formatBegins({ night: time, config: asked, policy: rules, verifier })]);
      const [begun, of] = await sealed(log, ({ unfinished }) => unfinished.at(-1)?.seq);
      await own.write(begun);
      const summary = await audit(audited, onResult);
      lock.assertHeld(); // J2.3: from here on in this order
      await memory.flush();
      const { root, streams, bits } = await writeList(log, night.entries());
      await log.append([formatEnds({ night: time, of, streams, bits, root })]);
      const [ended] = await sealed(log, ({ nights }) => nights.findLast((one) => one.of === of));
      lock.assertHeld();
      await memory.advance();
      await own.write(ended);
      return summary;
    } finally {
      await memory.close();
    }
  } finally {
    lock.release();
  }
}

/** What the memory holds of the journal itself (J2.4). */
class OwnHead {
  readonly id: string;
  readonly #memory: AuditMemory;
  readonly #origin: string;

  constructor(memory: AuditMemory, origin: string) {
    this.id = familyId(familyOf(origin));
    this.#origin = origin;
    this.#memory = memory;
  }

  /** @throws {@link TamperError} `FORMAT_INVALID` where it is damaged */
  async read(): Promise<string[]> {
    const stored = await this.#memory.read(this.id);
    const { streams = [] } = stored ? parseRemembered(stored.text, this.id, `${this.#memory.name}: ${this.id}`) : {};
    return streams.flatMap(({ origin, newest }) => (origin === this.#origin ? (newest ?? []) : []));
  }

  /** Whether other things are remembered without it. */
  async isMissed(): Promise<boolean> {
    for await (const id of this.#memory.ids()) if ((await this.#memory.read(id)) !== undefined) return true;
    return false;
  }

  /** @throws {@link TamperError} `STATE_CONFLICT` */
  async write(report: StreamReport): Promise<void> {
    const stored = await this.#memory.read(this.id);
    if (await this.#memory.write(this.id, formatOwnHead(report), stored?.version)) return;
    throw new TamperError('STATE_CONFLICT', `another audit with this journal uses the memory ${this.#memory.name}`, {
      hint: 'Run one audit with a journal at a time.',
    });
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
async function sealed<T>(
  log: JournalLog,
  find: (reading: JournalReading) => T | undefined,
): Promise<[report: StreamReport, found: T]> {
  const reading = await log.verified();
  const one = reading.report.verdict === 'ok' ? find(reading) : undefined;
  if (one !== undefined) return [reading.report, one];
  throw new TamperError('VERIFY_FAILED', `the journal ${log.origin} does not hold what was just sealed`, {
    hint: `Nothing of this audit is remembered. Run: fapilog-tamper verify ${log.file} --origin ${log.origin}, with its public key.`,
  });
}

/** J2.1, J2.2, J2.4, J2.6: what the journal and its last two lists say before a night begins. */
async function look(log: JournalLog, own: OwnHead, given: readonly string[]): Promise<JournalState> {
  const held = [...(await own.read()), ...given];
  const { report, nights, unfinished, problems, later } = await log.read(held);
  const { size: bytes } = await stat(log.file);
  const found = problems.map((problem) => journalFinding('JOURNAL_WRONG', problem));
  for (const message of later) found.push({ code: 'UNSUPPORTED', severity: 'undecided', message });
  for (const { night, seq } of unfinished) {
    const message = `the night ${night}, which began with entry ${seq}, did not end: nothing of it was remembered`;
    found.push(journalFinding('JOURNAL_UNFINISHED', message));
  }
  if (held.length === 0 && (nights.length > 0 || (await own.isMissed()))) {
    const message = 'no checkpoint of it is remembered: nothing shows that it, or the memory, was not cut back';
    found.push({ ...journalFinding('JOURNAL_CONTRADICTED', message), severity: 'undecided' });
  }
  const isOk = report.verdict === 'ok';
  const [before, last] = isOk ? [nights.at(-2), nights.at(-1)] : [];
  const earlier = before && (await streamsOf(log, before, found));
  const streams = last && (await streamsOf(log, last, found, earlier));
  return {
    report,
    bytes,
    found,
    isSound: isOk && found.every(({ severity }) => severity === 'warning'),
    last: streams,
  };
}

/** The streams of a night, compared with those of the one before it; undefined where its list is not there as it was sealed. */
async function streamsOf(
  log: JournalLog,
  night: Night,
  found: AuditFinding[],
  earlier?: ReadonlyMap<string, JournalEntry>,
): Promise<ReadonlyMap<string, JournalEntry> | undefined> {
  const streams = new Map<string, JournalEntry>();
  const wrong: string[] = [];
  const tree = await log.readList(night, (entry) => {
    const { origin, head, since } = entry;
    streams.set(origin, entry);
    const known = earlier?.get(origin);
    const isKept = known === undefined || isSame(since, lastHead(known));
    const goesOn = head === undefined || since === undefined || head.size > since.size || isSame(head, since);
    if (!isKept || !goesOn) wrong.push(origin);
  });
  if ('code' in tree) {
    found.push(tree);
    return undefined;
  }
  for (const origin of earlier?.keys() ?? []) if (!streams.has(origin)) wrong.push(origin);
  if (wrong.length > 0)
    found.push(
      aboutStreams(
        'JOURNAL_WRONG',
        wrong,
        `do not go on in the list of the night ${night.night} from the one before it`,
      ),
    );
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
