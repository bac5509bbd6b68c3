import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Coverage } from './coverage.ts';
import type { Schedule } from './schedule.ts';
import { simulate } from './simulation.ts';
import type { Tree } from './tree.ts';

/** How many seeds a process takes at a time. */
const SHARE = 500;
/** How often a long campaign says how far it is, in milliseconds. */
const PROGRESS = 60_000;

/** Seeds that are played one after the other. */
export interface Share {
  readonly from: number;
  readonly count: number;
}

/** What came of seeds: how many were played, and each class of violation with its seeds. */
export interface Tally {
  readonly played: number;
  readonly classes: readonly (readonly [what: string, seeds: readonly number[]])[];
}

/** Plays seeds here. @param until - by the clock of `performance` */
export async function play(
  tree: Tree,
  drawn: (seed: number) => Schedule,
  { from, count }: Share,
  { until = Number.POSITIVE_INFINITY, coverage }: { until?: number; coverage?: Coverage } = {},
): Promise<Tally> {
  const classes = new Map<string, number[]>();
  let played = 0;
  for (let seed = from; played < count && performance.now() < until; seed++) {
    const { violations } = await simulate(tree, drawn(seed), coverage && { coverage });
    played++;
    for (const what of new Set(violations.map((one) => one.what))) classes.set(what, [...(classes.get(what) ?? []), seed]);
  }
  return { played, classes: [...classes] };
} // biome-ignore format: short

/** Plays the seeds that the process which began this one sends. */
export function playAsTold(tree: Tree, drawn: (seed: number) => Schedule): void {
  process.on('message', (share: Share) => {
    void play(tree, drawn, share).then((tally) => process.send?.(tally));
  });
  process.send?.('ready');
}

/** Plays seeds in several processes of this program. @param jobs - how many */
export async function playInProcesses({ from, count }: Share, jobs: number): Promise<Tally> {
  const classes = new Map<string, number[]>();
  const begun = performance.now();
  let next = from;
  let played = 0;
  const progress = setInterval(() => {
    const rate = (played * 1000) / (performance.now() - begun);
    process.stderr.write(`${played} schedules, ${rate.toFixed(0)} a second, ${classes.size} classes of violations\n`);
  }, PROGRESS);
  const work = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`a process of the campaign ended with ${String(code)}`);
    });
    const heard = async (): Promise<Tally> => (await Promise.race([once(child, 'message'), gone]))[0] as Tally;
    await heard();
    while (next < from + count) {
      const share = { from: next, count: Math.min(SHARE, from + count - next) };
      next += share.count;
      child.send(share);
      const tally = await heard();
      played += tally.played;
      for (const [what, seeds] of tally.classes) {
        if (!classes.has(what)) process.stderr.write(`${what}: seed ${seeds[0]}\n`); // hours before the end
        classes.set(what, [...(classes.get(what) ?? []), ...seeds]);
      }
    }
    gone.catch(() => undefined); // it is sent away
    child.kill();
  };
  const args = [...process.argv.slice(2), '--as-told'];
  try {
    await Promise.all(Array.from({ length: jobs }, () => work(fork(process.argv[1] as string, args))));
  } finally {
    clearInterval(progress);
  }
  return { played, classes: [...classes] };
}
