import { parseArgs } from 'node:util';
import { sealTapes } from './tapes.ts';
import { type Lived, live } from './world.ts';

/**
 * Lives through worlds: --seed S --count N from one on, --seed S,T,… those alone; --only ATTACK,… without all others. Prints each
 * violation with its seed, and the rate; with --shrink also which kinds of attacks are enough for one.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    only: { type: 'string' },
    shrink: { type: 'boolean', default: false },
  },
});
const seeds = values.seed.split(',').map(Number);
const wanted = Number(values.count);
const began = performance.now();
const real = Date.now;
const only = values.only?.split(',');
const isDone = (attack: string): boolean => only?.includes(attack) !== false;
const tapes = await sealTapes();
// what was written an hour ago is settled
Date.now = () => real() + 3_600_000;
let nights = 0;
let failed = 0;
function* worlds(): Generator<number> {
  if (seeds.length > 1) yield* seeds;
  else for (let at = seeds[0] ?? 1; nights < wanted; at++) yield at;
}
/** Leaves out one kind of attacks after the other, as long as there is a violation. */
async function shrunk(seed: number, attacks: ReadonlySet<string>): Promise<string> {
  const without = new Set<string>();
  let least: Lived | undefined;
  for (const attack of attacks) {
    const one = await live(seed, tapes, (other) => isDone(other) && other !== attack && !without.has(other));
    if (one.violations.length === 0) continue;
    without.add(attack);
    least = one;
  }
  least ??= await live(seed, tapes, isDone);
  return `${[...least.attacks].join(' + ') || 'nothing'}: ${least.violations.join('; ')}`;
}
for (const at of worlds()) {
  const lived = await live(at, tapes, isDone);
  nights += lived.nights;
  failed += lived.violations.length;
  for (const one of lived.violations) console.log(`seed ${at}: ${one}`);
  if (values.shrink && lived.violations.length > 0) console.log(`  by ${await shrunk(at, lived.attacks)}`);
}
const seconds = (performance.now() - began) / 1000;
console.log(`${nights} nights, ${failed} violations, ${(nights / seconds).toFixed(0)} nights/s`);
process.exitCode = failed === 0 ? 0 : 1;
