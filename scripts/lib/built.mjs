// The package is built when a source of it changed, and not again for each command that needs it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { filesBelow } from './files.mjs';
import { ensureInstalled } from './install.mjs';
import { root, run } from './run.mjs';

/** What dist/ is made from: sources, how they are built, and the versions of what builds them. */
const SOURCES = ['src', 'scripts/build/package', 'scripts/build/offline'];
const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'docs/configuration.md',
];
const STAMP = `${root}node_modules/.cache/fapilog-tamper/built`;

/** Digest of the sources' bytes, and of the names, sizes and times of what was built: either one may change behind us. */
function stateOfBuild() {
  const hash = createHash('sha256').update(`${root}\n${process.version}\n`);
  for (const file of [...FILES, ...SOURCES.flatMap((folder) => filesBelow(folder))]) {
    hash.update(`${file}\n`).update(readFileSync(root + file));
  }
  for (const file of filesBelow('dist')) {
    const { size, mtimeMs } = statSync(root + file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Says that dist/ is what the sources give now. */
export function markBuilt() {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, stateOfBuild());
}

/** Installs what is missing and builds the package, unless dist/ is already what the sources give. */
export function ensureBuilt() {
  ensureInstalled();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stateOfBuild()) return;
  const code = run(process.execPath, ['scripts/build.mjs']);
  if (code !== 0) process.exit(code);
}
