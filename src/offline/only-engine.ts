import type { Engine } from '../engine/engine.ts';
import { typescriptEngine } from '../engine/typescript-engine.ts';

/**
 * Takes the place of `engine/selected-engine.ts`: what an auditor takes along is all that runs there, and loads no native code
 * from the folders around it.
 */
export function selectedEngine(): Engine {
  return typescriptEngine;
}

/** There is nothing to select. */
export async function selectEngine(): Promise<void> {
  // the engine is the one that it always is
}
