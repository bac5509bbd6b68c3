import { emptyResult } from '../audit/check/results.ts';
import type { StreamOptions } from '../audit/check/stream-options.ts';
import {
  type AuditCode,
  type AuditFinding,
  type StreamResult,
  shownFindings,
  worstVerdict,
} from '../audit/check/stream-result.ts';
import { familyId, familyOf } from '../audit/memory/family.ts';
import {
  formatRemembered,
  parseRemembered,
  type RememberedFamily,
  type RememberedStream,
} from '../audit/memory/remembered.ts';
import type { AuditJournal } from '../audit/run/audit-journal.ts';
import { missingResult } from '../audit/run/summary.ts';
import { digestBytes } from '../core/hash.ts';
import { isTamperError } from '../errors.ts';
import { encodeBase64 } from '../format/base64.ts';
import { formatNote, parseSignedCheckpoint } from '../format/checkpoint.ts';
import type { Finding } from '../verify/model/findings.ts';
import type { StreamReport } from '../verify/verdict/report.ts';
import { type Head, isSame, type JournalEntry, lastHead, type StreamState } from './nights.ts';
import { digestOfText, type MemorySeal } from './sealed-memory.ts';

/** One night: what is remembered is compared with the journal, what is found is written down (spec/journal.md, section 2). */

/** What the journal says before a night begins. */
export interface JournalState {
  readonly report: StreamReport;
  readonly bytes: number;
  /** What is wrong with it and its lists. */
  readonly found: readonly AuditFinding[];
  /** Whether a night can be sealed in it: else nothing that is remembered is known to be the auditor's. */
  readonly isSound: boolean;
  /** The list of the last night, by origin; undefined before the first night. */
  readonly last: ReadonlyMap<string, JournalEntry> | undefined;
}

/** What the memory holds of a stream after this night. */
interface Known {
  readonly isOk: boolean;
  readonly newest: Head | undefined;
  readonly seen?: Head | undefined;
  /** Undefined where it does not say. */
  readonly firstSeq?: number;
}

/** What was said of a stream. */
interface Said {
  readonly state: StreamState;
  /** Whether what is remembered of it now was proven in this night, or is unchanged. */
  readonly stands: boolean;
}

/** Results that say nothing of the stream as it stands. */
const NOT_THERE: ReadonlySet<StreamResult['result']> = new Set(['vanished', 'missing', 'failed', 'replaced']);
/** Of two results for one name the worse counts. */
const RANK: readonly StreamState[] = ['retired', 'ok', 'absent', 'undecided', 'tampered'];
/** So many streams are named in a finding. */
const SHOWN = 3;
/** The basis of a stream of which not more than its heads is known: all of it is read. */
const UNSEALED = 'not sealed';

const SEVERITY: Readonly<Partial<Record<AuditCode, Finding['severity']>>> = {
  JOURNAL_CONTRADICTED: 'tampered',
  JOURNAL_WRONG: 'tampered',
  JOURNAL_LIST_MISSING: 'undecided',
};

/** A finding of the journal. */
export function journalFinding(code: AuditCode, message: string): AuditFinding {
  return { code, severity: SEVERITY[code] ?? 'warning', message };
}

/** A finding about streams, the first of which it names. */
export function aboutStreams(code: AuditCode, origins: readonly string[], what: string): AuditFinding {
  const more = origins.length > SHOWN ? ', …' : '';
  return journalFinding(code, `${origins.length} streams ${what}: ${origins.slice(0, SHOWN).join(', ')}${more}`);
}

/** The checkpoint of a signed note. */
function headOf(note: string | undefined): Head | undefined {
  const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
  return checkpoint && { size: checkpoint.size, root: encodeBase64(digestBytes(checkpoint.root)) };
}

const largerOf = (one: Head | undefined, other: Head | undefined): Head | undefined =>
  (other?.size ?? -1) > (one?.size ?? -1) ? other : one;

/** What an audit is told to hold: nobody asks who signed a checkpoint that an auditor brings. */
const noteOf = (origin: string, head: Head | undefined): string | undefined =>
  head && formatNote(`${origin}\n${head.size}\n${head.root}\n`, [`— ${origin} AAAAAAA=\n`]);

/** A family of which heads are known and nothing else. */
function formatHeads(family: string, entries: readonly JournalEntry[]): string {
  const streams = entries.map(({ origin, head, since, seen, first = 1 }): RememberedStream => {
    const newest = lastHead({ head, since });
    return {
      origin,
      verdict: 'undecided',
      basis: UNSEALED,
      newest: noteOf(origin, newest),
      seen: noteOf(origin, seen),
      firstSeq: first,
      lastSeq: newest?.size ?? 0,
      end: 'open',
      counts: { adopted: 0, abandoned: 0, dropped: 0 },
      checked: new Date(0).toISOString(),
      files: [],
    };
  });
  return formatRemembered({ version: 2, family, streams });
}

/** The memory's text that holds the journal's own head. */
export const formatOwnHead = ({ origin, checkpoint }: StreamReport): string =>
  formatHeads(familyOf(origin), [{ origin, state: 'ok', head: headOf(checkpoint) }]);

/** The night that is being audited. */
export class AuditNight implements AuditJournal, MemorySeal {
  readonly #journal: JournalState;
  readonly #options: StreamOptions;
  /** The entries of the last night, by the ids of their families. */
  readonly #listed = new Map<string, JournalEntry[]>();
  readonly #idOfDigest = new Map<string, string>();
  /** Digests of the texts that the memory holds after this night, by id. */
  readonly #digests = new Map<string, string>();
  readonly #known = new Map<string, Known>();
  readonly #forgotten = new Set<string>();
  readonly #contradicted = new Map<string, AuditFinding>();
  readonly #said = new Map<string, Said>();

  constructor(journal: JournalState, options: StreamOptions) {
    this.#journal = journal;
    this.#options = options;
    for (const entry of journal.last?.values() ?? []) {
      if (entry.origin === journal.report.origin) continue;
      const id = familyId(familyOf(entry.origin));
      const others = this.#listed.get(id);
      if (others === undefined) this.#listed.set(id, [entry]);
      else others.push(entry);
      if (entry.memory !== undefined) this.#idOfDigest.set(entry.memory, id);
    }
  }

  get ids(): Iterable<string> {
    return this.#listed.keys();
  }

  idOf = (digest: string): string | undefined => this.#idOfDigest.get(digest);

  /** J2.4: a text that is not the one that the last night sealed counts for nothing but a checkpoint that is ahead. */
  taken: MemorySeal['taken'] = (id, stored) => {
    const listed = this.#listed.get(id) ?? [];
    const digest = stored === undefined ? undefined : digestOfText(stored);
    const family = stored === undefined ? undefined : readable(stored, id);
    const isSealed = digest !== undefined && this.idOf(digest) === id;
    const isFirst = this.#journal.isSound && this.#journal.last === undefined;
    if (stored !== undefined && digest !== undefined && (isSealed || isFirst)) {
      if (family !== undefined) this.#holds(id, digest, family);
      return { text: stored, write: false };
    }
    if (this.#journal.last === undefined && family !== undefined) {
      const streams = family.streams.map((one) => ({ ...one, basis: UNSEALED }));
      return { text: formatRemembered({ ...family, streams }), write: false };
    }
    const others = (family?.streams ?? []).filter(({ origin }) => this.#options.names(origin));
    if (listed.length + others.length === 0) return stored === undefined ? undefined : { text: stored, write: false };
    const known = new Map<string, JournalEntry>(listed.map((entry) => [entry.origin, entry]));
    for (const { origin, newest, seen } of others) {
      const entry = known.get(origin) ?? { origin, state: 'unnamed' };
      const [sure, given] = [largerOf(lastHead(entry), entry.seen), largerOf(headOf(newest), headOf(seen))];
      const isAhead = (given?.size ?? -1) > (sure?.size ?? -1);
      if (given !== undefined && (isAhead || (given.size === sure?.size && !isSame(given, sure))))
        this.#contradicted.set(origin, contradicted(given, sure));
      known.set(origin, isAhead ? { ...entry, seen: given } : entry);
    }
    const isForgotten =
      stored === undefined &&
      listed.every(({ origin, state }) => isGone(state) && this.#options.heldOf(origin).length === 0);
    if (isForgotten) for (const { origin } of listed) this.#forgotten.add(origin);
    const name = familyOf((listed[0] ?? others[0])?.origin ?? '');
    return { text: formatHeads(name, [...known.values()]), write: !isForgotten };
  };

  staged: MemorySeal['staged'] = (id, text, digest) => this.#holds(id, digest, parseRemembered(text, id, id));

  #holds(id: string, digest: string, { streams }: RememberedFamily): void {
    this.#digests.set(id, digest);
    for (const { origin, verdict, newest, seen, firstSeq } of streams)
      this.#known.set(origin, { isOk: verdict === 'ok', newest: headOf(newest), seen: headOf(seen), firstSeq });
  }

  result = (found: StreamResult): StreamResult | undefined => {
    const { stream } = found;
    if (stream === '' || stream.endsWith('*')) return found;
    if (this.#forgotten.has(stream) && found.result === 'vanished') {
      const isAsked = this.#options.patterns.includes(stream) && this.#options.policyOf(stream)?.min !== 0;
      this.#say(stream, { state: isAsked ? 'absent' : 'retired', stands: false });
      return isAsked ? missingResult({ name: stream, streams: 0, min: 1 }) : undefined;
    }
    const finding = this.#contradicted.get(stream);
    const result = finding === undefined ? found : withFinding(found, finding);
    this.#say(stream, { state: stateOf(result), stands: !NOT_THERE.has(result.result) && result.files > 0 });
    return result;
  };

  #say(origin: string, said: Said): void {
    const before = this.#said.get(origin);
    if (before !== undefined && RANK.indexOf(before.state) >= RANK.indexOf(said.state)) return;
    this.#said.set(origin, said);
  }

  results = (): readonly StreamResult[] => {
    // the line of its family says why there is none of its own
    const unsaid = [...this.#contradicted].flatMap(([origin, finding]) =>
      this.#said.has(origin) ? [] : [withFinding(emptyResult(origin, 0, undefined), finding)],
    );
    for (const { stream, verdict } of unsaid) this.#say(stream, { state: verdict, stands: false });
    return [...unsaid, this.#journalResult()];
  };

  /** The line of the journal itself (J1.3). */
  #journalResult(): StreamResult {
    const { report, bytes, found, last } = this.#journal;
    const findings = [...found];
    const retired = [...(last ?? [])].flatMap(([origin, { state }]) => {
      const now = this.#stateOf(origin);
      const isOut = now === 'unnamed' || (now === 'retired' && this.#forgotten.has(origin));
      return isOut && state !== now && state !== 'retired' && origin !== report.origin ? [origin] : [];
    });
    if (retired.length > 0)
      findings.push(
        aboutStreams('JOURNAL_RETIRED', retired, 'are not named any more, or were removed from the memory'),
      );
    findings.push(
      ...report.findings.filter(({ severity }) => severity !== 'warning').map(({ quoted: _, ...finding }) => finding),
    );
    const isOnlyWarned = findings.length > 0 && this.#options.strict ? 'undecided' : 'ok';
    const verdict = worstVerdict(findings.map(({ severity }) => (severity === 'warning' ? isOnlyWarned : severity)));
    this.#said.set(report.origin, { state: verdict, stands: true });
    return {
      ...emptyResult(report.origin, 1, undefined),
      result: 'grown',
      verdict,
      checked: 'whole',
      firstSeq: report.firstSeq,
      lastSeq: report.lastSeq,
      proven: report.provenSize,
      end: report.end,
      read: { files: 1, bytes },
      ...shownFindings(findings, 0),
    };
  }

  /** J2.5: a stream of the last night stays in the list whatever becomes of it. */
  #stateOf(origin: string): StreamState {
    return this.#said.get(origin)?.state ?? (this.#options.names(origin) ? 'undecided' : 'unnamed');
  }

  /** What the list of this night says. */
  entries(): JournalEntry[] {
    const { report, last } = this.#journal;
    this.#known.set(report.origin, { isOk: report.verdict === 'ok', newest: headOf(report.checkpoint) });
    const origins = new Set([...this.#said.keys(), ...(last?.keys() ?? []), ...this.#known.keys()]);
    return [...origins].map((origin): JournalEntry => {
      const before = last?.get(origin);
      const { isOk, newest, seen, firstSeq }: Partial<Known> = this.#known.get(origin) ?? {};
      const first = firstSeq ?? before?.first ?? 1;
      return {
        origin,
        state: this.#stateOf(origin),
        head: this.#said.get(origin)?.stands === true && isOk === true ? newest : undefined,
        since: before && lastHead(before),
        seen: firstSeq === undefined ? before?.seen : seen,
        first: first > 1 ? first : undefined,
        memory: this.#digests.get(familyId(familyOf(origin))),
      };
    });
  }
}

const isGone = (state: StreamState): boolean => state === 'absent' || state === 'retired';

/** What stands in a text of the memory; undefined where it is damaged. */
function readable(text: string, id: string): RememberedFamily | undefined {
  try {
    return parseRemembered(text, id, id);
  } catch (error) {
    if (isTamperError(error, 'FORMAT_INVALID')) return undefined;
    throw error;
  }
}

function contradicted(given: Head, sure: Head | undefined): AuditFinding {
  const known = sure === undefined ? 'the journal has nothing of it' : `the journal has ${sure.size} with ${sure.root}`;
  const message = `what is remembered of it are ${given.size} entries with the root ${given.root}; ${known}`;
  return journalFinding(
    'JOURNAL_CONTRADICTED',
    `${message}: an audit went unrecorded, or the memory or the journal is not the auditor's`,
  );
}

function stateOf({ result, verdict, files }: StreamResult): StreamState {
  if (result === 'vanished' || result === 'missing') return 'absent';
  return result === 'removed' && files === 0 && verdict === 'ok' ? 'retired' : verdict;
}

function withFinding(result: StreamResult, finding: AuditFinding): StreamResult {
  const verdict = worstVerdict([result.verdict, finding.severity === 'warning' ? 'ok' : finding.severity]);
  return { ...result, verdict, ...shownFindings([...result.findings, finding], result.more) };
}
