import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { differential, type Outcome } from './differential.ts';
import { keep } from './keep.ts';
import { pythonForVerifier } from './python.ts';
import { scratchDirectory } from './scratch.ts';

/** npm run differential -- [--mutants N] [--logs N] [--seed S] [--out DIRECTORY] [--quiet] */

/** What it prints at its end. */
export type Summary = Omit<Outcome, 'disagreements'> & { readonly disagreements: number };

const { values } = parseArgs({
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
} finally {
  rmSync(directory, { recursive: true, force: true });
}
