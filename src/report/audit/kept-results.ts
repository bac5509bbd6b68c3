import type { AuditFinding, StreamResult } from '../../fleet/check/stream-result.ts';
import type { Verdict } from '../../verify/verdict/report.ts';

/** What of each stream is kept for the report until the last one is done: of ten thousand, a line each. */

/** A line of the table of all streams. */
export type StreamRow = Pick<StreamResult, 'stream' | 'result' | 'verdict' | 'files' | 'lastSeq' | 'sealed'>;

/** Streams whose findings are shown, of each kind. */
const DETAILED = 300;
/** Rows of the table, of each kind. */
const ROWS = 20_000;

/** What kind of stream one is, in the order in which they are shown. */
const KINDS = ['tampered', 'undecided', 'warned', 'ok'] as const;
type Kind = (typeof KINDS)[number];

/** Results, those with findings before the others. */
export class KeptResults {
  readonly #rows = new Map<Kind, StreamRow[]>();
  readonly #detailed = new Map<Kind, StreamResult[]>();
  readonly #codes = new Set<AuditFinding['code']>();
  #streams = 0;
  #withFindings = 0;

  add(result: StreamResult): void {
    const kind = kindOf(result);
    this.#streams++;
    const rows = room(this.#rows, kind);
    if (rows.length < ROWS) rows.push(rowOf(result));
    if (kind === 'ok') return;
    this.#withFindings++;
    const detailed = room(this.#detailed, kind);
    if (detailed.length === DETAILED) return;
    detailed.push(result);
    for (const { code } of result.findings) this.#codes.add(code);
  }

  /** The codes of all findings that are shown, in the order of the alphabet. */
  get codes(): readonly AuditFinding['code'][] {
    return [...this.#codes].sort();
  }

  /** Lines, the worst first, by name; and how many are left out. */
  rows(): { readonly shown: readonly StreamRow[]; readonly more: number } {
    const shown = KINDS.flatMap((kind) => [...(this.#rows.get(kind) ?? [])].sort(byName)).slice(0, ROWS);
    return { shown, more: this.#streams - shown.length };
  }

  /** Streams with findings, the worst first, by name; and how many are left out. */
  detailed(): { readonly shown: readonly StreamResult[]; readonly more: number } {
    const shown = KINDS.flatMap((kind) => [...(this.#detailed.get(kind) ?? [])].sort(byName)).slice(0, DETAILED);
    return { shown, more: this.#withFindings - shown.length };
  }
}

function kindOf({ verdict, findings, error }: StreamResult): Kind {
  const kinds: Readonly<Record<Verdict, Kind>> = {
    tampered: 'tampered',
    undecided: 'undecided',
    ok: findings.length > 0 || error !== undefined ? 'warned' : 'ok',
  };
  return kinds[verdict];
}

function rowOf({ stream, result, verdict, files, lastSeq, sealed }: StreamResult): StreamRow {
  return { stream, result, verdict, files, lastSeq, ...(sealed !== undefined && { sealed }) };
}

function room<T>(all: Map<Kind, T[]>, kind: Kind): T[] {
  const own = all.get(kind) ?? [];
  all.set(kind, own);
  return own;
}

function byName(one: StreamRow, other: StreamRow): number {
  const [a, b] = [`${one.stream} ${one.result}`, `${other.stream} ${other.result}`];
  return a < b ? -1 : Number(a > b);
}
