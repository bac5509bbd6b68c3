import { resolve } from 'node:path';
import { root, run, tool } from '../../lib/run.mjs';
import { joinRoot } from './join-root.mjs';

/**
 * Compiles src/ into a folder as it is published: modules with their declarations and source maps, those of the package's root
 * in one file.
 */
export async function compile(folder) {
  const code = run(tool('tsc'), ['-p', 'tsconfig.build.json', '--outDir', resolve(root, folder)]);
  if (code !== 0) throw new Error(`tsc ended with ${code}`);
  await joinRoot(resolve(root, folder));
}
