// npm run build [-- WHAT [OPTIONS]]: builds the package into dist/, or
//   engine [--platform PLATFORM… | --all]   the native engine, with cargo
//   executable                              the verifier and Node.js as one file
//   site                                    the documentation site
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { filesBelow } from './lib/files.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { root, run } from './lib/run.mjs';

const OTHERS = ['engine', 'executable', 'site'];
const [what, ...options] = process.argv.slice(2);
if (OTHERS.includes(what)) process.exit(run(process.execPath, [`scripts/build/${what}.mjs`, ...options]));
if (what !== undefined) {
  console.error(`npm run build: unknown ${what}; name one of ${OTHERS.join(', ')}, or nothing for the package`);
  process.exit(64);
}

ensureInstalled();
const { buildOffline, OFFLINE } = await import('./build/offline/build.mjs');
const { compile } = await import('./build/package/compile.mjs');
const { buildManual } = await import('./build/package/manual.mjs');
const { markBuilt } = await import('./lib/built.mjs');
// What a deleted source file left behind is removed: a package never ships a ghost.
for (const file of filesBelow('dist')) {
  if (file.startsWith(`${OFFLINE}/`)) continue;
  const source = file.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
  if (!existsSync(root + source)) rmSync(root + file);
}
await compile('dist');
if (existsSync(`${root}dist/cli/main.js`)) chmodSync(`${root}dist/cli/main.js`, 0o755);
await buildManual(`${root}dist`, `${root}dist/man`);
await buildOffline();
// what the package says of itself: `fapilog-tamper --version --verbose`
const { digestOfPackage } = await import('../dist/foundation/own-package.js');
const { sha256 } = await digestOfPackage(`${root}dist`);
const { name, version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
writeFileSync(`${root}${OFFLINE}/PACKAGE-SHA256`, `${sha256}  ${name} ${version}\n`);
markBuilt();
