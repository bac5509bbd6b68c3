import type { Engine, EngineName } from '../engine/engine.ts';
import { typescriptEngine } from '../engine/typescript-engine.ts';

/**
 * Takes the place of `engine/selected-engine.ts`: what an auditor takes along is all that runs there, and loads no native code
 * from the folders around it.
 */
export function selectedEngine(): Engine {
  return typescriptEngine;
}

/** Which engine it is, in words. */
export async function engineInUse(): Promise<{ readonly name: EngineName; readonly about: string }> {
  return { name: 'typescript', about: 'this file has no other' };
}

/** There is nothing to select. */
export async function selectEngine(): Promise<void> {
  // the engine is the one that it always is
}
