import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Schedule } from './schedule.ts';

/** A schedule that found something, shrunk. */
export interface Kept extends Schedule {
  /** The class of what it found. */
  readonly what: string;
}

const directory = new URL('./kept/', import.meta.url);

/** Those of this folder. */
export function keptSchedules(): (Kept & { readonly name: string })[] {
  return readdirSync(directory)
    .sort()
    .map((name) => ({ ...(JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as Kept), name }));
}

/** Keeps one as a test. */
export function writeKept(name: string, { what, seed, setup, steps }: Kept): void {
  const kept = { what, seed, setup, steps };
  writeFileSync(new URL(name, directory), `${JSON.stringify(kept, undefined, 2)}\n`);
}
