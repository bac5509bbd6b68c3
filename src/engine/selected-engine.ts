import type { Engine } from './engine.ts';
import { typescriptEngine } from './typescript-engine.ts';

/** The engine of this process. */
export function selectedEngine(): Engine {
  return typescriptEngine;
}
