import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, tool } from '../lib/run.mjs';

/** The key providers that are packages of their own, with their versions: the folders of providers/. */
export const providers = readdirSync(`${root}providers`).map((folder) => {
  const place = `${root}providers/${folder}`;
  return { place, ...JSON.parse(readFileSync(`${place}/package.json`, 'utf8')) };
});

/** Makes the package of a provider in a folder, with code that is compiled anew against `dist/`. */
export function makeProvider({ place, ...manifest }, folder) {
  mkdirSync(folder);
  const code = run(tool('tsc'), ['-p', place, '--outDir', join(folder, 'dist')]);
  if (code !== 0) throw new Error(`tsc ended with ${code}`);
  for (const name of ['LICENSE', 'README.md']) copyFileSync(join(place, name), join(folder, name));
  const { scripts: _ofTheCheckout, ...published } = manifest;
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
}
