import { parseArgs } from 'node:util';
import { sealTapes } from './tapes.ts';
import { live } from './world.ts';

/** Lives through worlds: --seed S --count N from one on, --seed S,T,… those alone. Prints each violation with its seed, and the rate. */

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '1000' } },
});
const seeds = values.seed.split(',').map(Number);
const wanted = Number(values.count);
const began = performance.now();
const real = Date.now;
const tapes = await sealTapes();
// what was written an hour ago is settled
Date.now = () => real() + 3_600_000;
let nights = 0;
let failed = 0;
function* worlds(): Generator<number> {
  if (seeds.length > 1) yield* seeds;
  else for (let at = seeds[0] ?? 1; nights < wanted; at++) yield at;
}
for (const at of worlds()) {
  const lived = await live(at, tapes);
  nights += lived.nights;
  failed += lived.violations.length;
  for (const one of lived.violations) console.log(`seed ${at}: ${one}`);
}
const seconds = (performance.now() - began) / 1000;
console.log(`${nights} nights, ${failed} violations, ${(nights / seconds).toFixed(0)} nights/s`);
process.exitCode = failed === 0 ? 0 : 1;
