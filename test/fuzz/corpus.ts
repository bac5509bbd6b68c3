import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nameOf } from './engine.ts';

/** Inputs that were worth keeping, one file each in `corpus/<target>/`: what ran something new, and what once failed. */

const root = fileURLToPath(new URL('corpus/', import.meta.url));

export function corpusOf(target: string): { readonly name: string; readonly input: Buffer }[] {
  const folder = join(root, target);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  return names.map((name) => ({ name, input: readFileSync(join(folder, name)) }));
}

/** Where an input of a target is kept. */
export function pathFor(target: string, name: string): string {
  return join(root, target, name);
}

/** @returns where it was written, from the project's folder */
export function keep(target: string, input: Buffer, kind: 'found' | 'crash'): string {
  mkdirSync(join(root, target), { recursive: true });
  const name = `${kind}-${nameOf(input)}`;
  writeFileSync(pathFor(target, name), input);
  return `test/fuzz/corpus/${target}/${name}`;
}
