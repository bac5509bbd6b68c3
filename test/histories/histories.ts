import type { VerifyReport } from '../../src/index.ts';
import { Random } from '../interop/differential/random.ts';
import type { Tree } from '../simulator/tree.ts';
import { alteredViolations, makeAltered } from './altered.ts';
import { attackViolations, makeAttack } from './attack.ts';
import { changeViolations, makeChange } from './changes.ts';
import { claimViolations, makeClaim } from './claims.ts';
import { copiesViolations, makeCopies } from './copies.ts';
import { cutViolations, makeCut } from './cuts.ts';
import { demandViolations, makeDemand } from './demands.ts';
import { encodedViolations, makeEncoded } from './encodings.ts';
import { asSealed, type History, makeHistory, makePieces } from './history.ts';
import { Judge, type Verifier } from './judge.ts';
import { lieViolations, makeLie } from './lies.ts';
import { limitedViolations, makeLimited } from './limits.ts';
import { lookViolations, makeLook } from './looks.ts';
import { makePart, partViolations } from './parts.ts';
import { placeViolations } from './places.ts';
import { makeRead, readViolations } from './readers.ts';
import { realWorld } from './real-world.ts';
import { honestViolations } from './rules.ts';
import { makeWorld, type Words, type World } from './world.ts';

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
  /** Logs are those of the writer of this tree; else they are made as the specification says. */
  readonly writer?: Tree;
  /** An empty directory for files in between. */
  readonly directory: string;
  readonly onViolation?: (violation: Violation) => void;
}

/** The worlds of a campaign: one number gives one, and {@link PER_WORLD} histories in a row share it. */
class Worlds {
  readonly #campaign: Campaign;
  readonly #judge: Judge;
  readonly #words: Words | undefined;
  #number = -1;
  #world: World | undefined;

  constructor(campaign: Campaign, judge: Judge, words?: Words) {
    this.#campaign = campaign;
    this.#judge = judge;
    this.#words = words;
  }

  async of(seed: number): Promise<World | undefined> {
    const number = Math.floor(seed / PER_WORLD);
    if (number !== this.#number) this.#world = await this.#make(number);
    this.#number = number;
    return this.#world;
  }

  async #make(number: number): Promise<World | undefined> {
    const { writer } = this.#campaign;
    if (writer === undefined) return makeWorld(new Random(Math.imul(number, 0x9e3779b1)), 14, this.#words);
    const world = await realWorld(writer, number, number % 3 !== 0);
    if (world === undefined) return undefined;
    const { findings } = await this.#judge.report(asSealed(world, world.dataKeys));
    const codes = new Set(findings.map(({ code }) => code));
    const has = new Set([...world.has, ...codes]);
    return {
      ...world,
      has,
      told: new Set(findings.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)),
    };
  }
}

/** Honest histories from `seed` on. @returns how many broke a rule */
export const honestCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const history = makeHistory(new Random(Math.imul(seed, 0x85ebca6b)), world);
    const report = await judge.report(history);
    return { history, says: [...honestViolations(history, report), ...placeViolations(history, report)] };
  });

/** Honest histories of logs that some tool has cut, from `seed` on. @returns how many broke a rule */
export const piecesCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const history = makePieces(new Random(Math.imul(seed, 0x45d9f3b7)), world);
    return { history, says: honestViolations(history, await judge.report(history)) };
  });

/** Attacks from `seed` on. @returns how many broke a rule */
export const attackCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const attack = await makeAttack(new Random(Math.imul(seed, 0xc2b2ae35)), world);
    if (attack === undefined) return undefined;
    const deleted = attack.deleted && (await judge.report(attack.deleted));
    const report = await judge.report(attack);
    return {
      history: attack,
      says: [...attackViolations(attack, report, deleted), ...placeViolations(attack, report)],
    };
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
    const report = await judge.report(copies);
    const says = copiesViolations(copies, report, await judge.report(copies.honest));
    return { history: copies, says: [...says, ...placeViolations(copies, report)] };
  });

/** Records that were changed before a hole, from `seed` on. @returns how many broke a rule */
export const claimsCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const claim = makeClaim(new Random(Math.imul(seed, 0x2545f491)), world);
    return claim && { history: claim, says: claimViolations(claim, await judge.report(claim)) };
  });

/** Single files of logs that go on in others, from `seed` on. @returns how many broke a rule */
export const partsCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const part = makePart(new Random(Math.imul(seed, 0x9e3779b9)), world);
    return part && { history: part, says: partViolations(part, await judge.report(part)) };
  });

/** Logs that are whole, read in ways that lose nothing, from `seed` on. @returns how many broke a rule */
export const looksCampaign = (campaign: Campaign): Promise<number> =>
  inTwoLanguages(campaign, async (seed, world, judge) => {
    const look = makeLook(new Random(Math.imul(seed, 0x7feb352d)), world);
    return look && { history: look, says: await lookViolations(judge, look) };
  });

/** What is read out of logs that are whole, from `seed` on. @returns how many broke a rule */
export const readsCampaign = (campaign: Campaign): Promise<number> =>
  inTwoLanguages(campaign, async (seed, world, judge) => {
    const read = makeRead(new Random(Math.imul(seed, 0x846ca68b)), world);
    return read && { history: read, says: await readViolations(judge, read) };
  });

/** Whole logs of which one thing was changed, from `seed` on. @returns how many broke a rule */
export const changesCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const change = makeChange(new Random(Math.imul(seed, 0x58f38ded)), world);
    if (change === undefined) return undefined;
    const report = await judge.at(change, (options) => judge.verifier.verify({ ...options, quoteLines: true }));
    return { history: change, says: changeViolations(change, report) };
  });

/** Copies of crashed hosts that were cut, from `seed` on. @returns how many broke a rule */
export const cutsCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const cut = makeCut(new Random(Math.imul(seed, 0x1b873593)), world);
    return cut && { history: cut, says: cutViolations(await judge.report(cut)) };
  });

/** Whole logs, and what is demanded of them, from `seed` on. @returns how many broke a rule */
export const demandsCampaign = (campaign: Campaign): Promise<number> =>
  made(campaign, async (seed, world, judge) => {
    const demand = makeDemand(new Random(Math.imul(seed, 0x6a09e667)), world);
    return demand && { history: demand, says: await demandViolations(judge, demand) };
  });

/** Logs that some program wrote in another encoding, from `seed` on. @returns how many broke a rule */
export const encodingsCampaign = (campaign: Campaign): Promise<number> =>
  inTwoLanguages(campaign, async (seed, world, judge) => {
    const encoded = makeEncoded(new Random(Math.imul(seed, 0x3c6ef372)), world);
    return encoded && { history: encoded, says: encodedViolations(encoded, await judge.report(encoded)) };
  });

/** Logs of a writer with every key that breaks one rule, from `seed` on. @returns how many broke a rule of ours */
export const liesCampaign = (campaign: Campaign): Promise<number> =>
  ofTheirOwn(campaign, 0x2545f491, makeLie, lieViolations);

/** Logs at the end of what is kept and done, from `seed` on. @returns how many broke a rule */
export const limitsCampaign = (campaign: Campaign): Promise<number> =>
  ofTheirOwn(campaign, 0x41c64e6d, makeLimited, limitedViolations);

/** Histories that need no world. */
async function ofTheirOwn<One extends History>(
  { verifier, seed, count, directory, onViolation }: Campaign,
  factor: number,
  make: (random: Random) => One,
  violationsOf: (one: One, report: VerifyReport) => string[],
): Promise<number> {
  const judge = new Judge(verifier, directory);
  let violations = 0;
  for (let at = seed; at < seed + count; at++) {
    const history = make(new Random(Math.imul(at, factor)));
    const says = violationsOf(history, await judge.report(history));
    if (says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: history.what.join(', '), says, history });
  }
  return violations;
}

type Make = (seed: number, world: World, judge: Judge) => Promise<Pick<Violation, 'history' | 'says'> | undefined>;

const FOREIGN_WORDS: Words = { quoted: 'cité à Genève', said: 'accepté — 7 €, 収入 😀' };

/** Half of them of logs in ASCII, the others of logs that have more. */
async function inTwoLanguages(campaign: Campaign, make: Make): Promise<number> {
  const count = Math.ceil(campaign.count / 2);
  const plain = await made({ ...campaign, count }, make);
  return plain + (await made({ ...campaign, count: campaign.count - count }, make, FOREIGN_WORDS));
}

/** Goes on until as many were made as are asked for: not every world is one in which it can be done. */
async function made(campaign: Campaign, make: Make, words?: Words): Promise<number> {
  const { verifier, seed, count, directory, onViolation } = campaign;
  const judge = new Judge(verifier, directory);
  const worlds = new Worlds(campaign, judge, words);
  let violations = 0;
  let done = 0;
  for (let at = seed; done < count; at++) {
    const world = await worlds.of(at);
    const one = world && (await make(at, world, judge));
    if (one === undefined) continue;
    done++;
    if (one.says.length === 0) continue;
    violations++;
    onViolation?.({ seed: at, what: one.history.what.join(', '), ...one });
  }
  return violations;
}
