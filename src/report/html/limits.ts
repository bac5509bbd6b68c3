import { grouped } from '../words/verdict-words.ts';
import { html, type Markup } from './markup.ts';

/** How much of a report is shown, so that the file stays readable whatever the log is. What is cut is said in its place. */

/** Rows in the overview of many logs. */
export const OVERVIEW_ROWS = 1_000;
/** Logs that have a part of their own. */
export const DETAILED_LOGS = 100;
/** Lines that are quoted in one document. */
const QUOTES = 200;

/** Rows that one log may have of a kind, by the number of logs that are shown. */
export interface Limits {
  readonly keys: number;
  readonly events: number;
  readonly files: number;
  readonly erased: number;
  /** Places of one finding code. */
  readonly places: number;
  readonly quotes: QuoteAllowance;
}

/** Quoted lines that the document still has room for. */
export class QuoteAllowance {
  #left = QUOTES;

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}

/** Room for each of so many logs. */
export function limitsFor(logs: number): Limits {
  const share = (all: number, least: number, most: number): number =>
    Math.min(Math.max(Math.floor(all / Math.max(logs, 1)), least), most);
  return {
    keys: share(1_000, 5, 40),
    events: share(2_000, 10, 120),
    files: share(2_000, 10, 100),
    erased: share(2_000, 10, 1_000),
    places: share(60, 3, 20),
    quotes: new QuoteAllowance(),
  };
}

/** The first of many, and a sentence on those left out, `and 12 more keys`. */
export function capped<T>(
  all: readonly T[],
  most: number,
  what: string,
): { shown: readonly T[]; rest: Markup | undefined } {
  const left = all.length - most;
  if (left <= 0) return { shown: all, rest: undefined };
  return { shown: all.slice(0, most), rest: cutNote(`and ${grouped(left)} more ${what}, not shown here`) };
}

/** A sentence that says what was left out. */
export function cutNote(text: string): Markup {
  return html`<p class="cut">${text}.</p>`;
}

/** Text from a log, which may be as long as whoever wrote it liked. */
export function brief(text: string, most = 300): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)}… [cut, ${grouped(text.length)} characters]`;
}
