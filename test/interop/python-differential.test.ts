import { rmSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { times } from '../support/tier.ts';
import { differential } from './differential/differential.ts';
import { pythonForVerifier } from './differential/python.ts';
import { scratchDirectory } from './differential/scratch.ts';

const MUTANTS = times(120, 1_500);

/** A short run of the comparison; `npm run differential` takes longer ones, and the nightly tier has one of 50,000 mutants. */
it('our verifier and the one in Python call the same logs ok: honest ones, parts of them, and mutants', async () => {
  const directory = scratchDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const python = await pythonForVerifier();
  const outcome = await differential({ seed: 20261124, logs: 10, mutants: MUTANTS, python, directory });
  const said = outcome.disagreements.map(({ case: { what, brings }, ours, theirs }) => ({
    what,
    ours,
    theirs,
    brings,
  }));
  expect(said).toEqual([]);
  expect(outcome.mutants).toBeGreaterThanOrEqual(MUTANTS);
  expect(outcome.honest).toBeGreaterThanOrEqual(20);
  // each verdict came often enough for an agreement to mean something
  expect(Object.keys(outcome.verdicts)).toEqual(expect.arrayContaining(['00', '11', '22']));
  expect(outcome.verdicts['00']).toBeGreaterThan(MUTANTS / 15); // keys are made anew, so it is never the same number
}, 300_000);
