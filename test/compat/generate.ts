// Freezes what this version writes: node --import ./test/child/typescript.mjs test/compat/generate.ts [--again]
// A version that was published never changes again; --again is for one that was not.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestsOf, filesBelow, SHARED } from './frozen-folder.ts';
import { scenes } from './making/scenes.ts';
import { frozenOf, Workshop } from './making/workshop.ts';
import { surfaceOf } from './surface.ts';

/** Keys that are used by several scenes. */
const SHARED_KEYS = { 'test-sign.key': 'Ed25519', 'test-data.key': 'HMAC-SHA256', 'test-other.key': 'Ed25519' };

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const folder = join(root, 'compat', version);
const json = (value: unknown): string => `${JSON.stringify(value, undefined, 1)}\n`;

if (existsSync(folder) && !process.argv.includes('--again')) {
  console.error(`${folder} is frozen: what a published version wrote never changes. Set the next version in package.json,
or give --again if this one was never published.`);
  process.exit(64);
}
const git = (...argv: string[]): string => execFileSync('git', argv, { cwd: root, encoding: 'utf8' }).trim();
if (git('status', '--porcelain', 'src') !== '') {
  console.error('src/ has changes that are not committed: COMMIT could not say what wrote the files.');
  process.exit(64);
}
const made = mkdtempSync(join(tmpdir(), 'compat-'));
try {
  const shared = join(made, version, SHARED);
  mkdirSync(shared, { recursive: true });
  cpSync(fileURLToPath(new URL('making/provider.mjs', import.meta.url)), join(shared, 'provider.mjs'));
  for (const [name, algorithm] of Object.entries(SHARED_KEYS))
    execFileSync(process.execPath, [
      join(root, 'dist/cli/main.js'),
      'keygen',
      '--out',
      join(shared, name),
      '--algorithm',
      algorithm,
    ]);
  for (const scene of scenes) {
    const shop = new Workshop(join(made, version), scene.name);
    await scene.make(shop);
    const frozen = await frozenOf(scene, shop, made);
    shop.write('scene.json', json(frozen));
    console.log(`${scene.name}: ${filesBelow(shop.directory).length} files`);
  }
  writeFileSync(join(made, version, 'surface.json'), json(await surfaceOf()));
  writeFileSync(join(made, version, 'COMMIT'), `${git('log', '-1', '--format=%H', '--', 'src')}\n`);
  writeFileSync(join(made, version, 'SHA256SUMS'), digestsOf(join(made, version)));
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(made, version), folder, { recursive: true });
} finally {
  rmSync(made, { recursive: true });
}
