import { type Operation, POSSIBLE } from './faults.ts';
import type { Life } from './life.ts';

/** What the writer does, by the functions that are on the stack. */
const PHASES: readonly (readonly [phase: string, functions: RegExp])[] = [
  ['rotation', /goOnRotating|\brotate\b|nextFile|pointTo|announce \(|#chainNow/],
  ['hand-over', /handOver|HandOver/],
  ['drain', /\bdrain\b|#drain/],
];

/** How often each failure struck each place of the writer: `site operation errno phase`. */
export class Coverage {
  readonly counts: Map<string, number> = new Map();
  call(operation: Operation, errno: string | undefined, life: Life): void {
    const stack = (new Error().stack ?? '').split('\n').slice(3);
    const writer = stack.filter((line) => line.includes('writer.js'));
    const site = /at (?:async )?(?:new )?(\S+)/.exec(writer[0] ?? '')?.[1] ?? 'later';
    const state = life.phase;
    const seen = PHASES.find(([, functions]) => writer.some((line) => functions.test(line)))?.[0];
    const phase = state === 'run' || state === 'close' ? (seen ?? state) : state;
    for (const possible of POSSIBLE[operation]) {
      const key = `${site}\t${operation}\t${possible}\t${phase}`;
      this.counts.set(key, (this.counts.get(key) ?? 0) + (possible === errno ? 1 : 0));
    }
  }
}
