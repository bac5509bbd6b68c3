import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checksums } from '../lib/checksums.mjs';
import { capture, root, run } from '../lib/run.mjs';
import { tarballs } from './registry.mjs';

const shell = process.platform === 'win32';

/** The digest of what the registry has under a name and version; undefined where it has nothing. */
async function published({ name, version }) {
  const registry = capture('npm', ['config', 'get', 'registry'], { shell }).trim();
  const answer = await fetch(new URL(`${name.replace('/', '%2f')}/${version}`, registry));
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${registry} answered ${answer.status} when asked for ${name} ${version}`);
  return (await answer.json()).dist.integrity;
}

/** Every file is the one of SHA256SUMS: nothing is published that was not built with the rest. */
function assertChecked() {
  for (const line of readFileSync(`${root}release/SHA256SUMS`, 'utf8').trimEnd().split('\n')) {
    const [, name] = line.split('  ');
    if (checksums([[name, readFileSync(join(root, 'release', name))]]) !== `${line}\n`) {
      throw new Error(`release/${name} is not the file of release/SHA256SUMS`);
    }
  }
}

/** Publishes release/*.tgz, engines first. It can be repeated: what is there with the same digest is left alone. */
export async function publish() {
  assertChecked();
  for (const tarball of tarballs()) {
    const manifest = JSON.parse(capture('tar', ['-xzOf', tarball, 'package/package.json']));
    const own = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    const there = await published(manifest);
    const what = `${manifest.name} ${manifest.version}`;
    if (there !== undefined && there !== own) {
      throw new Error(
        `the registry has ${what} with other bytes: a version is published once, so this needs another one`,
      );
    }
    if (there !== undefined) {
      console.log(`${what}: there already`);
      continue;
    }
    const code = run('npm', ['publish', tarball, '--access', 'public', '--provenance'], { shell });
    if (code !== 0) process.exit(code);
  }
}
