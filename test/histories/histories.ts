import { Random } from '../interop/differential/random.ts';
import { alteredViolations, makeAltered } from './altered.ts';
import { attackViolations, makeAttack } from './attack.ts';
import { copiesViolations, makeCopies } from './copies.ts';
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

/** One number gives the world, and with it what is made of it: {@link PER_WORLD} in a row share one. */
function worldOf(seed: number, worlds: Map<number, World>): World {
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
export const honestCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const history = makeHistory(new Random(Math.imul(seed, 0x85ebca6b)), world);
    return { history, says: honestViolations(history, await judge.report(history)) };
  });

/** Attacks from `seed` on. @returns how many broke a rule */
export const attackCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const attack = await makeAttack(new Random(Math.imul(seed, 0xc2b2ae35)), world);
    if (attack === undefined) return undefined;
    const deleted = attack.deleted && (await judge.report(attack.deleted));
    return { history: attack, says: attackViolations(attack, await judge.report(attack), deleted) };
  });

/** Signed logs with altered records, from `seed` on. @returns how many broke a rule */
export const alteredCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const random = new Random(Math.imul(seed, 0x27d4eb2f));
    const also = random.pick([undefined, undefined, 'rewritten', 'masked'] as const);
    const altered = makeAltered(random, world, also);
    if (altered === undefined) return undefined;
    const says = alteredViolations(altered, await judge.report(altered), await judge.report(altered.honest));
    return { history: altered, says };
  });

/** Copies of honest logs, from `seed` on. @returns how many broke a rule */
export const copiesCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const random = new Random(Math.imul(seed, 0x165667b1));
    const copies = makeCopies(random, world, random.chance(0.4));
    if (copies === undefined) return undefined;
    const says = copiesViolations(copies, await judge.report(copies), await judge.report(copies.honest));
    return { history: copies, says };
  });

type Make = (seed: number, world: World, judge: Judge) => Promise<Pick<Violation, 'history' | 'says'> | undefined>;

/** Goes on until as many were made as are asked for: not every world is one in which it can be done. */
async function made({ verifier, seed, count, directory, onViolation }: Campaign, make: Make): Promise<number> {
  const judge = new Judge(verifier, directory);
  const worlds = new Map<number, World>();
  let violations = 0;
  let done = 0;
  for (let at = seed; done < count; at++) {
    const one = await make(at, worldOf(at, worlds), judge);
    if (one === undefined) continue;
    done++;
    if (one.says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: one.history.what.join(', '), ...one });
  }
  return violations;
}
