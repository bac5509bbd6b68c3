import { digestBytes } from '../core/hash.ts';
import { emptyResult } from '../fleet/check/results.ts';
import type { StreamOptions } from '../fleet/check/stream-options.ts';
import {
  type AuditCode,
  type AuditFinding,
  type StreamResult,
  shownFindings,
  worstVerdict,
} from '../fleet/check/stream-result.ts';
import { familyId, familyOf } from '../fleet/memory/family.ts';
import type { RememberedFamily, RememberedStream } from '../fleet/memory/remembered.ts';
import type { AuditJournal } from '../fleet/run/audit-journal.ts';
import { encodeBase64 } from '../format/base64.ts';
import { formatNote, parseSignedCheckpoint } from '../format/checkpoint.ts';
import type { Finding } from '../verify/model/findings.ts';
import type { StreamReport } from '../verify/verdict/report.ts';
import type { Head, JournalEntry, StreamState } from './nights.ts';

/** One night: what is remembered is compared with the journal, what is found is written down (spec/journal.md, section 2). */

/** What the list of the last night said of a stream. */
export interface ListedStream {
  readonly state: StreamState;
  /** Its newest checkpoint that any night has proven. */
  readonly head: Head | undefined;
}

/** The last night, with its list. */
export interface LastNight {
  readonly night: string;
  readonly streams: ReadonlyMap<string, ListedStream>;
}

/** What is known of a stream before and after it is audited. */
interface Heads {
  readonly before?: Head | undefined;
  readonly now?: Head | undefined;
  /** Whether it was ok when it was checked last. */
  readonly ok: boolean;
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

const SEVERITY: Readonly<Partial<Record<AuditCode, Finding['severity']>>> = {
  JOURNAL_CONTRADICTED: 'tampered',
  JOURNAL_WRONG: 'tampered',
  JOURNAL_LIST_MISSING: 'undecided',
};

/** A finding of the journal. */
export function journalFinding(code: AuditCode, message: string): AuditFinding {
  return { code, severity: SEVERITY[code] ?? 'warning', message };
}

/** The checkpoint of a signed note. */
function headOf(note: string | undefined): Head | undefined {
  const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
  return checkpoint && { size: checkpoint.size, root: encodeBase64(digestBytes(checkpoint.root)) };
}

const isSame = (one: Head | undefined, other: Head | undefined): boolean =>
  one?.size === other?.size && one?.root === other?.root;

/** What an audit is told to hold: nobody asks who signed a checkpoint that an auditor brings. */
const noteOf = (origin: string, { size, root }: Head): string =>
  formatNote(`${origin}\n${size}\n${root}\n`, [`— ${origin} AAAAAAA=\n`]);

/** The night that is being audited. */
export class AuditNight implements AuditJournal {
  readonly #journal: { readonly report: StreamReport; readonly bytes: number };
  readonly #last: LastNight | undefined;
  readonly #found: readonly AuditFinding[];
  readonly #strict: boolean;
  readonly #heads = new Map<string, Heads>();
  readonly #contradicted = new Map<string, AuditFinding>();
  readonly #said = new Map<string, Said>();
  readonly #failed = new Set<string>();
  #damaged: ReadonlySet<string> = new Set();
  #names: (origin: string) => boolean = () => true;

  /**
   * @param report - on the journal, before this night
   * @param found - in it and its lists
   */
  constructor(
    journal: { readonly report: StreamReport; readonly bytes: number },
    last: LastNight | undefined,
    found: readonly AuditFinding[],
    strict: boolean,
  ) {
    this.#journal = journal;
    this.#last = last;
    this.#found = found;
    this.#strict = strict;
  }

  remembered = ({ origin, newest, verdict, checked }: RememberedStream): void => {
    const head = headOf(newest);
    this.#heads.set(origin, { before: head, now: head, ok: verdict === 'ok' });
    if (this.#last === undefined) return;
    const known = this.#last.streams.get(origin)?.head;
    const night = this.#last.night;
    if (known === undefined) {
      if (Date.parse(checked) > Date.parse(night))
        this.#contradict(
          origin,
          `what is remembered of it is of ${checked}, after the last night of the journal, ${night}`,
        );
    } else if (head !== undefined && head.size >= known.size && !isSame(head, known)) {
      const message = `what is remembered of it are ${head.size} entries with the root ${head.root}; in the night ${night} the journal has ${known.size} with ${known.root}`;
      this.#contradict(origin, message);
    }
  };

  #contradict(origin: string, message: string): void {
    const why = `${message}: an audit went unrecorded, or the memory or the journal is not the auditor's`;
    this.#contradicted.set(origin, journalFinding('JOURNAL_CONTRADICTED', why));
  }

  /** J2.4: where what is remembered is not the head of the journal, the log is verified against that one too. */
  allRemembered = (options: StreamOptions, damaged: ReadonlySet<string>): void => {
    this.#damaged = damaged;
    this.#names = (origin) => options.names(origin);
    for (const [origin, { head, state }] of this.#last?.streams ?? []) {
      if (head === undefined || !options.names(origin) || isSame(this.#heads.get(origin)?.before, head)) continue;
      const isForgotten = !this.#heads.has(origin) && (state === 'absent' || state === 'retired');
      if (!isForgotten && !damaged.has(familyId(familyOf(origin)))) options.hold(origin, noteOf(origin, head));
    }
  };

  /** What is to be remembered of a family next. */
  staged({ streams }: RememberedFamily): void {
    for (const { origin, newest, verdict } of streams)
      this.#heads.set(origin, { before: this.#heads.get(origin)?.before, now: headOf(newest), ok: verdict === 'ok' });
  }

  result = (result: StreamResult): StreamResult => {
    const { stream } = result;
    if (stream === '' || stream.endsWith('*')) return result;
    if (result.result === 'failed' || result.result === 'replaced') this.#failed.add(stream);
    const contradicted = this.#contradicted.get(stream);
    const said = contradicted === undefined ? result : withFinding(result, contradicted);
    this.#say(stream, { state: stateOf(said), stands: !NOT_THERE.has(result.result) && result.files > 0 });
    return said;
  };

  #say(origin: string, said: Said): void {
    const before = this.#said.get(origin);
    if (before !== undefined && RANK.indexOf(before.state) >= RANK.indexOf(said.state)) return;
    this.#said.set(origin, said);
  }

  results = (): readonly StreamResult[] => {
    const retired: string[] = [];
    const own = [...(this.#last?.streams ?? [])].flatMap(([origin, { state }]) =>
      this.#said.has(origin) || origin === this.#journal.report.origin ? [] : this.#leftOut(origin, state, retired),
    );
    return [...own, this.#journalResult(retired)];
  };

  /** J2.5: a stream of the last night of which this one says nothing. */
  #leftOut(origin: string, state: StreamState, retired: string[]): StreamResult[] {
    if (state === 'retired') return [];
    const family = familyOf(origin);
    const isNamed = this.#names(origin);
    const contradicted = this.#contradicted.get(origin);
    if (isNamed && (this.#failed.has(family) || this.#damaged.has(familyId(family)))) {
      const result = contradicted && withFinding(emptyResult(origin, 0, undefined), contradicted);
      this.#say(origin, { state: result?.verdict ?? 'undecided', stands: false }); // the line of its family says why
      return result === undefined ? [] : [result];
    }
    if (!isNamed || state === 'absent') {
      retired.push(origin);
      this.#say(origin, { state: 'retired', stands: false });
      return [];
    }
    const message = 'it was here in the last night; neither its files nor what was remembered of it are here now';
    const finding = {
      ...journalFinding('JOURNAL_CONTRADICTED', message),
      severity: state === 'tampered' ? 'tampered' : 'undecided',
    } as const;
    this.#say(origin, { state: 'absent', stands: false });
    return [withFinding({ ...emptyResult(origin, 0, undefined), result: 'vanished' }, finding)];
  }

  /** The line of the journal itself (J1.3). */
  #journalResult(retired: readonly string[]): StreamResult {
    const { report, bytes } = this.#journal;
    const findings: AuditFinding[] = [...this.#found];
    if (retired.length > 0) {
      const named = retired.slice(0, SHOWN).join(', ');
      const message = `${retired.length} streams of the last night are not named any more, or were removed from the memory: ${named}`;
      findings.push(journalFinding('JOURNAL_RETIRED', retired.length > SHOWN ? `${message}, …` : message));
    }
    findings.push(
      ...report.findings.filter(({ severity }) => severity !== 'warning').map(({ quoted: _, ...finding }) => finding),
    );
    const isOnlyWarned = findings.length > 0 && this.#strict ? 'undecided' : 'ok';
    const verdict = worstVerdict(findings.map(({ severity }) => (severity === 'warning' ? isOnlyWarned : severity)));
    const result: StreamResult = {
      ...emptyResult(report.origin, 1, undefined),
      result: this.#last === undefined ? 'new' : 'grown',
      verdict,
      checked: 'whole',
      firstSeq: report.firstSeq,
      lastSeq: report.lastSeq,
      proven: report.provenSize,
      end: report.end,
      read: { files: 1, bytes },
      ...shownFindings(findings, 0),
    };
    this.#said.set(report.origin, { state: verdict, stands: true });
    const head = headOf(report.checkpoint);
    const before = this.#last?.streams.get(report.origin)?.head;
    this.#heads.set(report.origin, { before, now: head, ok: report.verdict === 'ok' });
    return result;
  }

  /** What the list of this night says. */
  entries(): JournalEntry[] {
    return [...this.#said].map(([origin, { state, stands }]) => {
      const { before, now, ok = false } = this.#heads.get(origin) ?? {};
      const since = this.#last?.streams.get(origin)?.head ?? before;
      return { origin, state, head: stands && ok ? now : undefined, since };
    });
  }
}

function stateOf({ result, verdict, files }: StreamResult): StreamState {
  if (result === 'vanished' || result === 'missing') return 'absent';
  return result === 'removed' && files === 0 && verdict === 'ok' ? 'retired' : verdict;
}

function withFinding(result: StreamResult, finding: AuditFinding): StreamResult {
  const verdict = worstVerdict([result.verdict, finding.severity === 'warning' ? 'ok' : finding.severity]);
  return { ...result, verdict, ...shownFindings([...result.findings, finding], result.more) };
}
