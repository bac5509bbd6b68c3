import { Random } from '../interop/differential/random.ts';
import { alteredViolations, makeAltered } from './altered.ts';
import { attackViolations, makeAttack } from './attack.ts';
import { type History, makeHistory } from './history.ts';
import { Judge, type Verifier } from './judge.ts';
import { honestViolations } from './rules.ts';
import { makeWorld, type World } from './world.ts';

/** Many histories, and what a verifier says of them that it must not. */

/** So many histories are made of each world. */
const PER_WORLD = 8;

export interface Violation {
  /** Makes the same history again, by itself. */
  readonly seed: number;
  readonly what: string;
  readonly says: readonly string[];
  readonly history: History;
}

export interface Campaign {
  readonly verifier: Verifier;
  readonly seed: number;
  readonly count: number;
  /** An empty directory for files in between. */
  readonly directory: string;
  readonly onViolation?: (violation: Violation) => void;
}

/** One number gives the world, and with it the history: `seed` counts histories, {@link PER_WORLD} of which share a world. */
function historyOf(seed: number, worlds?: Map<number, World>): History {
  return makeHistory(new Random(Math.imul(seed, 0x85ebca6b)), worldOf(seed, worlds));
}

function worldOf(seed: number, worlds: Map<number, World> = new Map()): World {
  const number = Math.floor(seed / PER_WORLD);
  let world = worlds.get(number);
  if (world === undefined) {
    world = makeWorld(new Random(Math.imul(number, 0x9e3779b1)));
    worlds.clear();
    worlds.set(number, world);
  }
  return world;
}

/** Honest histories from `seed` on. @returns how many broke a rule */
export async function honestCampaign({ verifier, seed, count, directory, onViolation }: Campaign): Promise<number> {
  const judge = new Judge(verifier, directory);
  const worlds = new Map<number, World>();
  let violations = 0;
  for (let at = seed; at < seed + count; at++) {
    const history = historyOf(at, worlds);
    const says = honestViolations(history, await judge.report(history));
    if (says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: history.what.join(', '), says, history });
  }
  return violations;
}

/** Attacks from `seed` on. @returns how many broke a rule */
export async function attackCampaign({ verifier, seed, count, directory, onViolation }: Campaign): Promise<number> {
  const judge = new Judge(verifier, directory);
  const worlds = new Map<number, World>();
  let violations = 0;
  let made = 0;
  for (let at = seed; made < count; at++) {
    const attack = await makeAttack(new Random(Math.imul(at, 0xc2b2ae35)), worldOf(at, worlds));
    if (attack === undefined) continue;
    made++;
    const deleted = attack.deleted && (await judge.report(attack.deleted));
    const says = attackViolations(attack, await judge.report(attack), deleted);
    if (says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: attack.what.join(', '), says, history: attack });
  }
  return violations;
}

/** Signed logs with altered records, from `seed` on. @returns how many broke a rule */
export async function alteredCampaign({ verifier, seed, count, directory, onViolation }: Campaign): Promise<number> {
  const judge = new Judge(verifier, directory);
  const worlds = new Map<number, World>();
  let violations = 0;
  let made = 0;
  for (let at = seed; made < count; at++) {
    const random = new Random(Math.imul(at, 0x27d4eb2f));
    const altered = makeAltered(
      random,
      worldOf(at, worlds),
      random.pick([undefined, undefined, 'rewritten', 'masked']),
    );
    if (altered === undefined) continue;
    made++;
    const says = alteredViolations(altered, await judge.report(altered), await judge.report(altered.honest));
    if (says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: altered.what.join(', '), says, history: altered });
  }
  return violations;
}
