import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
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

/** Where an input of a target is kept: in the corpus, or in another folder. */
export function pathFor(target: string, name: string, folder: string = root): string {
  return join(folder, target, name);
}

/** @returns where it was written */
export function keep(target: string, input: Buffer, kind: 'found' | 'crash', folder: string = root): string {
  const path = pathFor(target, `${kind}-${nameOf(input)}`, folder);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, input);
  return relative(process.cwd(), path);
}
