import type { VectorCase } from '../vector-case.ts';
import { checkpointCases } from './checkpoints.ts';
import { controlCases } from './control.ts';
import { damageCases } from './damage.ts';
import { endCases } from './ends.ts';
import { entryCases } from './entries.ts';
import { keyCases } from './keys.ts';
import { linkCases } from './links.ts';
import { laterVersionCases } from './later-version.ts';
import { manifestCases } from './manifests.ts';
import { validCases } from './valid.ts';

/** Every vector, made anew. */
export function catalogue(): VectorCase[] {
  return [
    ...validCases(),
    ...entryCases(),
    ...controlCases(),
    ...laterVersionCases(),
    ...checkpointCases(),
    ...keyCases(),
    ...endCases(),
    ...linkCases(),
    ...damageCases(),
    ...manifestCases(),
  ];
}
