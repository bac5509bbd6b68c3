// Builds all that a release consists of into release/. Started by `npm run release`, with the named tools.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePackage, nameEngines, packFolder } from '../build/engine/package.mjs';
import { builtFile, platforms } from '../build/engine/platforms.mjs';
import { checksums } from '../lib/checksums.mjs';
import { ensureInstalled } from '../lib/install.mjs';
import { pack, unpack } from '../lib/packed.mjs';
import { capture, root, run } from '../lib/run.mjs';
import { makeProvider, providers } from './providers.mjs';
import { writeSboms } from './sbom.mjs';

const release = join(root, 'release');
const started = performance.now();
const stage = (what) => console.log(`--- ${what} (${Math.round((performance.now() - started) / 1000)} s)`);
/** Nothing that a checkout's or a user's mask left. */
process.umask(0o022);

/** The modes of files as they are published: none depends on who checked them out, and only programs can be run. */
function setModes(folder, programs) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const mode = entry.isDirectory() || programs.some((one) => path === join(folder, one)) ? 0o755 : 0o644;
    chmodSync(path, mode);
  }
}

function build(...args) {
  const code = run(process.execPath, ['scripts/build.mjs', ...args]);
  if (code !== 0) process.exit(code);
}

/** The package, the seven engines, which it names with the digest of each, and the key providers that are packages of their own. */
function makeTarballs(work) {
  for (const name of Object.keys(platforms)) {
    const folder = join(work, name);
    makePackage(name, builtFile(name), folder);
    setModes(folder, []);
    packFolder(folder, release);
  }
  const packed = pack();
  try {
    // npm packs files that git ignores, and nobody has reviewed these
    const known = new Set(capture('git', ['ls-files']).split('\n'));
    const strange = packed.files.filter((file) => !file.startsWith('dist/') && !known.has(file));
    if (strange.length > 0)
      throw new Error(`these would be published, and are not in the commit: ${strange.join(', ')}`);
    const folder = unpack(packed.tarball, join(work, 'package'));
    nameEngines(folder, builtFile);
    setModes(folder, Object.values(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin));
    packFolder(folder, release);
    for (const provider of providers) {
      const place = join(work, provider.name);
      makeProvider(provider, place);
      setModes(place, []);
      packFolder(place, release);
    }
  } finally {
    packed.remove();
  }
}

ensureInstalled();
for (const folder of ['dist', 'engine/built', 'executable', 'release'])
  rmSync(root + folder, { recursive: true, force: true });
mkdirSync(release);
stage('package, page, verify.mjs');
build();
stage('engines');
build('engine', '--all');
stage('tarballs');
const work = mkdtempSync(join(tmpdir(), 'fapilog-tamper-release-'));
try {
  makeTarballs(work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const name of ['verify.mjs', 'verify.html']) copyFileSync(`${root}dist/offline/${name}`, join(release, name));
stage('executable');
const { buildExecutable } = await import('../build/offline/executable.mjs');
await buildExecutable(release);
stage('bills of materials');
await writeSboms(release);
writeFileSync(join(release, 'COMMIT'), capture('git', ['rev-parse', 'HEAD']));
const names = readdirSync(release)
  .filter((name) => name !== 'SHA256SUMS')
  .sort();
writeFileSync(join(release, 'SHA256SUMS'), checksums(names.map((name) => [name, readFileSync(join(release, name))])));
stage(`release/: ${names.length} files and SHA256SUMS`);
