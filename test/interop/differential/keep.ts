import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Case, CaseBrings } from './both-sides.ts';
import type { Disagreement } from './disagreement.ts';
import type { LogFile } from './honest-log.ts';

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

/** A case that {@link keep} has stored. */
export function kept(path: string): Case {
  const {
    about,
    files,
    ours: _ours,
    theirs: _theirs,
    ...brings
  } = JSON.parse(readFileSync(path, 'utf8')) as CaseBrings & {
    about: string;
    files: string[];
    ours: unknown;
    theirs: unknown;
  };
  const read = (name: string): LogFile => ({ name, bytes: readFileSync(join(dirname(path), name)) });
  const manifests = files.map((name) => `${name.replace(/\.gz$/, '')}.manifest.json`);
  return {
    what: about,
    files: files.map(read),
    manifests: manifests.filter((name) => existsSync(join(dirname(path), name))).map(read),
    brings,
  };
}
