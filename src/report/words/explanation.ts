/** A finding in words for people who have never seen the format. */
export interface Explanation {
  /** A clause without a stop, which may stand after a colon. */
  readonly title: string;
  /** What it says about the log, and what it does not. */
  readonly means: string;
  /** What to do next. */
  readonly next: string;
}
