import { parseArgs } from 'node:util';
import { corpusOf, keep, pathFor } from './corpus.ts';
import { fuzz } from './engine.ts';
import { targets } from './targets.ts';
import { Watchdog } from './watchdog.ts';

/** `npm run fuzz -- [--minutes N | --seconds N] [--seed N] [--keep] [--crashes DIRECTORY] [TARGET…]`: five minutes if none are given. */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean' },
    crashes: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !targets.some((target) => target.name === name));
if (unknown !== undefined) {
  throw new Error(`there is no target ${unknown}; there are ${targets.map(({ name }) => name).join(', ')}`);
}
const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const whole = values.seconds !== undefined ? Number(values.seconds) : Number(values.minutes ?? 5) * 60;
if (!(whole > 0)) throw new Error('--minutes and --seconds take a number above zero');
const seconds = whole / chosen.length;
const seed = Number(values.seed ?? Date.now() % 2 ** 32);
process.stdout.write(`seed ${seed}, ${seconds.toFixed(1)} s for each of ${chosen.length} targets\n`);
for (const target of chosen) {
  const corpus = corpusOf(target.name).map(({ input }) => input);
  const watchdog = new Watchdog(pathFor(target.name, 'hang', values.crashes));
  const { executions, discovered, parts, crash } = await fuzz(target, corpus, { seconds, seed, watchdog });
  await watchdog.stop();
  const kept = values.keep === true ? discovered.filter((input) => input.length <= 8_192) : [];
  for (const input of kept) keep(target.name, input, 'found');
  process.stdout.write(`${target.name}: ${executions} executions, ${parts} parts, ${discovered.length} new inputs\n`);
  if (crash === undefined) continue;
  process.exitCode = 1;
  const path = keep(target.name, crash.input, 'crash', values.crashes);
  process.stdout.write(`${target.name}: ${path}\n${crash.error.stack ?? ''}\n${crash.input.toString('base64')}\n`);
}
