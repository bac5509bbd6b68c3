// Compiles src/ into dist/ and removes what a deleted source file left there, so that a package never ships a ghost; then
// makes dist/offline/, what an auditor takes along.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { filesBelow } from './lib/files.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { buildOffline, OFFLINE } from './lib/offline/build.mjs';
import { compile } from './lib/package/compile.mjs';
import { root } from './lib/run.mjs';

ensureInstalled();
for (const file of filesBelow('dist')) {
  if (file.startsWith(`${OFFLINE}/`)) continue;
  const source = file.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
  if (!existsSync(root + source)) rmSync(root + file);
}
await compile('dist');
if (existsSync(`${root}dist/cli/main.js`)) chmodSync(`${root}dist/cli/main.js`, 0o755);
await buildOffline();
