import { capture, run } from '../lib/run.mjs';
import { releasedPackages } from './contents.mjs';

const shell = process.platform === 'win32';

/** The digest of what the registry has under a name and version; undefined where it has nothing. */
async function published(registry, { name, version }) {
  const answer = await fetch(new URL(`${name.replace('/', '%2f')}/${version}`, registry), {
    signal: AbortSignal.timeout(60_000),
    headers: { connection: 'close' }, // npm runs for seconds in between, and the registry would close it by then
  });
  const text = await answer.text();
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${registry} answered ${answer.status} when asked for ${name} ${version}`);
  const { dist } = JSON.parse(text);
  if (typeof dist?.integrity === 'string') return dist.integrity;
  throw new Error(`${registry} has ${name} ${version} and does not say its digest`);
}

/**
 * Publishes release/*.tgz to the registry, engines first. It can be repeated: what is there with the same digest is left alone. The
 * registry is asked about all of them before the first is published.
 */
export async function publish() {
  const packages = releasedPackages();
  const registry = `${capture('npm', ['config', 'get', 'registry'], { shell }).trim().replace(/\/$/, '')}/`;
  const missing = [];
  for (const one of packages) {
    const there = await published(registry, one);
    const what = `${one.name} ${one.version}`;
    if (there === undefined) missing.push(one);
    else if (there === one.integrity) console.log(`${what}: there already`);
    else
      throw new Error(
        `${registry} has ${what} with other bytes: a version is published once, so this needs another one`,
      );
  }
  for (const { tarball } of missing) {
    // all of them go to the registry that was asked, whatever a scope's configuration says
    const to = ['--registry', registry, `--@fapilog-tamper:registry=${registry}`, '--tag', 'latest'];
    const code = run('npm', ['publish', tarball, ...to, '--access', 'public', '--provenance'], { shell });
    if (code !== 0) process.exit(code);
  }
}
