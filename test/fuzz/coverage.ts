import { type Profiler, Session } from 'node:inspector';

/**
 * Which parts of src/ have run, as V8 counts them. A part is what V8 counts by itself: a function, a branch, a loop's body.
 * Nothing is compiled or hooked for it, so it works wherever Node does.
 */

interface Interval {
  readonly from: number;
  readonly to: number;
}

export class Coverage {
  readonly #session = new Session();
  /** By function: what of it has never run. */
  readonly #unseen = new Map<string, readonly Interval[]>();
  #seen = 0;

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true, allowTriggeredUpdates: false });
  }

  /** How many times a part was seen for the first time. */
  get seen(): number {
    return this.#seen;
  }

  /** Forgets what has run since the last look. */
  reset(): void {
    this.#take();
  }

  /** Whether something ran since the last look that never ran before. With `learn` it counts as seen from now on. */
  grew(learn: boolean): boolean {
    let grew = false;
    for (const { scriptId, functions } of this.#take()) {
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const name = `${scriptId}:${whole.startOffset}`;
        const before = this.#unseen.get(name);
        const unseen = before === undefined ? idle(ranges) : common(before, idle(ranges));
        if (before !== undefined && length(unseen) === length(before)) continue;
        grew = true;
        if (!learn) return true;
        this.#unseen.set(name, unseen);
        this.#seen++;
      }
    }
    return grew;
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    const { result } = this.#post('Profiler.takePreciseCoverage') as { result: Profiler.ScriptCoverage[] };
    return result.filter(({ url }) => url.includes('/src/') && !url.includes('/node_modules/'));
  }

  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer; // these methods answer before post returns
  }
}

/** What of a function did not run. Ranges are nested, an outer one before those within it. */
function idle(ranges: readonly Profiler.CoverageRange[]): Interval[] {
  let pieces: { from: number; to: number; count: number }[] = [];
  for (const { startOffset: from, endOffset: to, count } of ranges) {
    pieces = pieces.flatMap((piece) => {
      if (piece.to <= from || piece.from >= to) return [piece];
      return [
        { ...piece, to: from },
        { ...piece, from: to },
      ].filter((rest) => rest.from < rest.to);
    });
    pieces.push({ from, to, count });
  }
  return pieces.filter(({ count }) => count === 0).sort((a, b) => a.from - b.from);
}

function common(one: readonly Interval[], other: readonly Interval[]): Interval[] {
  return one.flatMap((a) =>
    other
      .map((b) => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }))
      .filter(({ from, to }) => from < to),
  );
}

function length(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { from, to }) => sum + to - from, 0);
}
