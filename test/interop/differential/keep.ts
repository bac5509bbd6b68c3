import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Disagreement } from './disagreement.ts';

/** Stores a disagreement as a vector: the files, what the auditor brings, and what each side said. */
export function keep(directory: string, name: string, { case: one, ours, theirs, why }: Disagreement): string {
  const folder = join(directory, name);
  mkdirSync(folder, { recursive: true });
  for (const { name: file, bytes } of [...one.files, ...one.manifests]) writeFileSync(join(folder, file), bytes);
  const files = one.files.map(({ name: file }) => file);
  const vector = { about: `${one.what} (${why})`, files, ...one.brings, ours, theirs };
  const path = join(folder, 'case.json');
  writeFileSync(path, `${JSON.stringify(vector, undefined, 1)}\n`);
  return path;
}
