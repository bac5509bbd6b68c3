import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { packageName } from '../build/engine/package.mjs';
import { platforms } from '../build/engine/platforms.mjs';
import { capture, root } from '../lib/run.mjs';
import { providers } from './providers.mjs';

const AGAIN = 'build it again: npm run release -- --build';
const digestOf = (bytes, algorithm, encoding) => createHash(algorithm).update(bytes).digest(encoding);
const inTarball = (tarball, file, encoding) => capture('tar', ['-xzOf', tarball, `package/${file}`], { encoding });

/** The files that SHA256SUMS lists are those that are there, with these digests. */
function problemsOfSums(release) {
  const sums = join(release, 'SHA256SUMS');
  if (!existsSync(sums)) return [`release/SHA256SUMS is not there; ${AGAIN}`];
  const lines = readFileSync(sums, 'utf8').split('\n').slice(0, -1);
  const listed = new Map(lines.map((line) => /^([0-9a-f]{64}) {2}(\S+)$/.exec(line)?.slice(1).reverse() ?? [line]));
  const present = readdirSync(release).filter((name) => name !== 'SHA256SUMS');
  return [
    ...present.filter((name) => !listed.has(name)).map((name) => `release/${name} is not in release/SHA256SUMS`),
    ...[...listed]
      .filter(
        ([name, sum]) =>
          !present.includes(name) || digestOf(readFileSync(join(release, name)), 'sha256', 'hex') !== sum,
      )
      .map(([name]) => `release/${name} is not the file that release/SHA256SUMS lists`),
  ];
}

/** What a tarball has to say of itself. */
function problemsOfManifest(file, manifest, wanted) {
  return Object.entries(wanted)
    .filter(([member, value]) => !isDeepStrictEqual(manifest[member], value))
    .map(([member]) => `release/${file}: ${member} is ${JSON.stringify(manifest[member])}`);
}

/**
 * What is published, in the order in which it is: engines first, so that whoever installs the package finds its engine, and last
 * what needs the package. Throws unless release/ is what one build of this commit makes: the packages of all platforms, ours, which
 * names each engine's digest, and the key providers.
 *
 * @param release - the folder
 * @returns for each its tarball, name and version, and the digest that a registry has of it
 */
export function releasedPackages(release = join(root, 'release')) {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const problems = problemsOfSums(release);
  const engines = Object.keys(platforms).map((platform) => [
    platform,
    `fapilog-tamper-engine-${platform}-${version}.tgz`,
  ]);
  const ours = `fapilog-tamper-${version}.tgz`;
  const ofProviders = providers.map(({ name }) => [name, `${name}-${version}.tgz`]);
  const wanted = [...engines.map(([, file]) => file), ours, ...ofProviders.map(([, file]) => file)];
  const present = existsSync(release) ? readdirSync(release) : [];
  problems.push(
    ...wanted.filter((file) => !present.includes(file)).map((file) => `release/${file} is not there; ${AGAIN}`),
  );
  const others = present.filter((file) => file.endsWith('.tgz') && !wanted.includes(file));
  problems.push(...others.map((file) => `release/${file} is none of the packages of ${version}`));
  if (problems.length === 0) {
    const commit = readFileSync(join(release, 'COMMIT'), 'utf8').trim();
    const head = capture('git', ['rev-parse', 'HEAD']).trim();
    if (commit !== head) problems.push(`release/ was built from ${commit}, and this is ${head}; ${AGAIN}`);
    const manifestOf = (file) => JSON.parse(inTarball(join(release, file), 'package.json', 'utf8'));
    const engineSha256 = {};
    for (const [platform, file] of engines) {
      const expected = {
        name: packageName(platform),
        version,
        publishConfig: { access: 'public' },
        scripts: undefined,
      };
      problems.push(...problemsOfManifest(file, manifestOf(file), expected));
      engineSha256[platform] = digestOf(inTarball(join(release, file), 'engine.node', 'buffer'), 'sha256', 'hex');
    }
    const optionalDependencies = Object.fromEntries(engines.map(([platform]) => [packageName(platform), version]));
    const expected = { name: 'fapilog-tamper', version, publishConfig: undefined, optionalDependencies, engineSha256 };
    problems.push(...problemsOfManifest(ours, manifestOf(ours), expected));
    for (const [name, file] of ofProviders) {
      const peerDependencies = { 'fapilog-tamper': `^${version}` };
      const wantedOf = { name, version, publishConfig: undefined, scripts: undefined, peerDependencies };
      problems.push(...problemsOfManifest(file, manifestOf(file), wantedOf));
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const ofEngines = engines.map(([platform, file]) => [packageName(platform), file]);
  return [...ofEngines, ['fapilog-tamper', ours], ...ofProviders].map(([name, file]) => {
    const tarball = join(release, file);
    return { tarball, name, version, integrity: `sha512-${digestOf(readFileSync(tarball), 'sha512', 'base64')}` };
  });
}
