import { reuseLargeBuffers } from './large-buffers.ts';
import { Killed } from './life.ts';
import { judge, type Violation } from './oracle.ts';
import type { Schedule } from './schedule.ts';
import type { Tree } from './tree.ts';
import { said, type Told, World } from './world.ts';

/** What came of a schedule. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** Of all that happened: equal in every process. */
  readonly digest: string;
}

let playing: World | undefined;
process.on('unhandledRejection', (error) => {
  if (playing !== undefined) playing.unhandled(error);
  else if (!(error instanceof Killed)) throw error; // a process of a world that is over has noticed its end
});

/** Plays a schedule and gives what it left behind. @param settles - another start seals what is left; else the last process has just ended */
export async function played(tree: Tree, schedule: Schedule, settles: boolean): Promise<World> {
  const world = new World(tree, schedule, { isReal: true });
  playing = world;
  try {
    await inOneTurn(() => {
      world.play();
      if (settles) world.settle();
    });
    return world;
  } finally {
    playing = undefined;
    reuseLargeBuffers();
  }
}

/** Plays a schedule and judges what it left behind. @param trace - gets a line for each thing that happens */
export async function simulate(tree: Tree, schedule: Schedule, told: Told = {}): Promise<Outcome> {
  const world = new World(tree, schedule, told);
  playing = world;
  try {
    await inOneTurn(() => {
      world.play();
      world.settle();
    });
    const violations = await judge(world, tree);
    for (const { what, details } of violations) told.trace?.push(`VIOLATION ${what}: ${details}`);
    return { violations, digest: world.machine.digest };
  } catch (error) {
    const details = error instanceof Error ? (error.stack ?? '') : '';
    return { violations: [{ what: `the simulator fails: ${said(error)}`, details }], digest: world.machine.digest };
  } finally {
    playing = undefined;
    reuseLargeBuffers();
  }
}

/** Runs something outside of promises, so that it can let these run. */
function inOneTurn(act: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        act();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}
