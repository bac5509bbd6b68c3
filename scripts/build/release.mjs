// npm run build -- release [-- --platform PLATFORM… | --all]: the packages of the native engine as tarballs in release/, out of what
// `npm run build -- engine --all` has built; without arguments those that are built. With --all our own package lies beside
// them and names them as optional dependencies: those eight are what is published, and engines first.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pack, unpack } from '../lib/packed.mjs';
import { report, root } from '../lib/run.mjs';
import { makePackage, nameEngines, packFolder } from './engine/package.mjs';
import { builtFile, namedPlatforms, platforms } from './engine/platforms.mjs';
import { hindrances } from './engine/shared-object.mjs';

const { values } = parseArgs({
  options: { all: { type: 'boolean' }, platform: { type: 'string', multiple: true } },
});
const names = namedPlatforms(values) ?? Object.keys(platforms).filter((name) => existsSync(builtFile(name)));
if (names.length === 0) report(['nothing is built: npm run build -- engine --all']);
report(hindrances(names), `${names.length} of ${Object.keys(platforms).length} platforms`);

const release = join(root, 'release');
rmSync(release, { recursive: true, force: true });
const stage = mkdtempSync(join(tmpdir(), 'fapilog-tamper-release-'));
try {
  const tarballs = names.map((name) => {
    makePackage(name, builtFile(name), join(stage, name));
    return packFolder(join(stage, name), release);
  });
  if (values.all === true) {
    const packed = pack();
    try {
      const folder = unpack(packed.tarball, join(stage, 'ours'));
      nameEngines(folder, builtFile);
      tarballs.push(packFolder(folder, release));
    } finally {
      packed.remove();
    }
  }
  for (const tarball of tarballs) console.log(tarball.slice(root.length));
} finally {
  rmSync(stage, { recursive: true, force: true });
}
