import type { VectorCase } from '../vector-case.ts';
import { adoptionCases } from './adoption.ts';
import { borderCases } from './borders.ts';
import { checkpointCases } from './checkpoints.ts';
import { controlCases } from './control.ts';
import { damageCases } from './damage.ts';
import { droppedSignerCases } from './dropped-signers.ts';
import { endCases } from './ends.ts';
import { entryCases } from './entries.ts';
import { erasureCases } from './erasures.ts';
import { keyCases } from './keys.ts';
import { laterVersionCases } from './later-version.ts';
import { linkCases } from './links.ts';
import { liveTailCases } from './live-tails.ts';
import { manifestCases } from './manifests.ts';
import { missingFileCases } from './missing-files.ts';
import { postQuantumCases } from './post-quantum.ts';
import { saltCases } from './salts.ts';
import { takenOverCases } from './taken-over.ts';
import { timeStampCases } from './time-stamps.ts';
import { validCases } from './valid.ts';
import { witnessCases } from './witnesses.ts';

/** Every vector, made anew. */
export function catalogue(): VectorCase[] {
  return [
    ...validCases(),
    ...entryCases(),
    ...controlCases(),
    ...laterVersionCases(),
    ...checkpointCases(),
    ...keyCases(),
    ...droppedSignerCases(),
    ...adoptionCases(),
    ...takenOverCases(),
    ...endCases(),
    ...liveTailCases(),
    ...linkCases(),
    ...missingFileCases(),
    ...damageCases(),
    ...manifestCases(),
    ...witnessCases(),
    ...postQuantumCases(),
    ...timeStampCases(),
    ...borderCases(),
    ...saltCases(),
    ...erasureCases(),
  ];
}
