import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root as ours } from './run.mjs';

/** The pages beside package.json. */
export const topPages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

/** Files below a folder of the project, as paths from the project's folder with `/`, sorted. */
export function filesBelow(folder, pattern = /./, root = ours) {
  const found = [];
  const walk = (path) => {
    for (const name of readdirSync(join(root, path))) {
      const child = `${path}/${name}`;
      if (statSync(join(root, child)).isDirectory()) {
        if (name !== 'node_modules') walk(child);
      } else if (pattern.test(child)) found.push(child);
    }
  };
  if (existsSync(join(root, folder))) walk(folder);
  return found.sort();
}
