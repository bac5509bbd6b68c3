import type { VectorCase } from '../vector-case.ts';
import { validCases } from './valid.ts';

/** Every vector, made anew. */
export function catalogue(): VectorCase[] {
  return [...validCases()];
}
