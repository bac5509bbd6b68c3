import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BothSides } from './both-sides.ts';
import { differential, type Outcome } from './differential.ts';
import { keep, kept } from './keep.ts';
import { pythonForVerifier } from './python.ts';
import { scratchDirectory } from './scratch.ts';

/** npm run differential -- [--mutants N] [--logs N] [--seed S] [--out DIRECTORY] [--quiet], or CASE.json… to ask both again */

/** What it prints at its end. */
export type Summary = Omit<Outcome, 'disagreements'> & { readonly disagreements: number };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mutants: { type: 'string', default: '2000' },
    logs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: join(tmpdir(), 'differential') },
    quiet: { type: 'boolean', default: false },
  },
});
const mutants = Number(values.mutants);
const logs = Number(values.logs ?? Math.max(10, Math.round(mutants / 250)));
const seed = Number(values.seed);
const directory = scratchDirectory();
let count = 0;
try {
  if (positionals.length > 0) await askAgain(positionals);
  else await compare();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function askAgain(paths: readonly string[]): Promise<void> {
  const sides = new BothSides(await pythonForVerifier(), directory);
  for (const path of paths) console.log(path, JSON.stringify(await sides.judge(kept(path))));
  sides.close();
}

async function compare(): Promise<void> {
  const outcome = await differential({
    seed,
    logs,
    mutants,
    directory,
    python: await pythonForVerifier(),
    onDisagreement: (found) => {
      const path = keep(values.out, `seed${seed}-${++count}`, found);
      const { ours, theirs, case: one } = found;
      console.error(
        `${path}: ${one.what}: ours ${ours.verdict} [${ours.codes.join(', ')}], Python ${theirs.verdict} [${theirs.codes.join(', ')}]`,
      );
    },
    onProgress: values.quiet ? () => undefined : (done) => console.error(`${done} of ${mutants} mutants`),
  });
  const { disagreements, ...rest } = outcome;
  const summary: Summary = { ...rest, disagreements: disagreements.length };
  console.log(JSON.stringify(summary));
  process.exitCode = disagreements.length === 0 ? 0 : 1;
}
