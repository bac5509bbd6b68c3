import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { linkedCrates } from '../build/engine/crate-licences.mjs';
import { platforms } from '../build/engine/platforms.mjs';
import { root } from '../lib/run.mjs';
import { npmTool } from './named-tools.mjs';
import { providers } from './providers.mjs';

const ours = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;

const npmComponent = (name, { version, license, integrity }) => ({
  type: 'library',
  name,
  version,
  purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  licenses: [{ expression: license }],
  hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
});

/** What `npm install fapilog-tamper` brings along: dependencies of dependencies too, without optional ones and peers. */
function installed(place = '', found = new Map()) {
  for (const name of Object.keys(lock[place].dependencies ?? {})) {
    const path = placeOf(name, place);
    if (found.has(path)) continue;
    found.set(path, npmComponent(name, lock[path]));
    installed(path, found);
  }
  return [...found.values()];
}

/** As Node.js looks for a package: beside the one that asks, then further up. */
function placeOf(name, from) {
  const path = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (lock[path] !== undefined) return path;
  if (from === '') throw new Error(`package-lock.json lacks ${name}`);
  return placeOf(name, from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1)));
}

/** What a key provider brings along. A dependency of its dependency would be missing here. */
function installedWith({ name, dependencies }) {
  return Object.keys(dependencies).map((dependency) => {
    const entry = lock[`node_modules/${dependency}`];
    if (Object.keys(entry.dependencies ?? {}).length > 0) throw new Error(`${name}: ${dependency} has dependencies`);
    return npmComponent(dependency, entry);
  });
}

/** The packages that a file of ours says it contains. */
function bundled(text) {
  return [...text.matchAll(/^[ *]*It contains (\S+) \S+ \(/gm)].map(([, name]) =>
    npmComponent(name, lock[`node_modules/${name}`]),
  );
}

function crates() {
  const lockfile = readFileSync(`${root}engine/Cargo.lock`, 'utf8');
  const all = new Map(
    Object.values(platforms)
      .flatMap(({ target }) => linkedCrates(target))
      .map((crate) => [crate.id, crate]),
  );
  return [...all.values()].map(({ name, version, license }) => {
    const entry = lockfile
      .split('[[package]]')
      .find((one) => one.includes(`name = "${name}"\nversion = "${version}"\n`));
    const [, content] = /^checksum = "(.+)"$/m.exec(entry);
    const purl = `pkg:cargo/${name}@${version}`;
    return {
      type: 'library',
      name,
      version,
      purl,
      licenses: [{ expression: license }],
      hashes: [{ alg: 'SHA-256', content }],
    };
  });
}

/** A bill without a time and without a random number: the same release gives the same bytes. */
function bill(name, components) {
  const sorted = [...components].sort((one, other) => (one.purl < other.purl ? -1 : 1));
  const { version, license, homepage } = ours;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        name,
        version,
        licenses: [{ license: { id: license } }],
        externalReferences: [{ type: 'website', url: homepage }],
      },
    },
    components: sorted.map((component) => ({ ...component, 'bom-ref': component.purl })),
  };
}

/**
 * Writes a bill of materials (https://cyclonedx.org/docs/1.6/json/) for the package, the engines, and the verifier in one file, the
 * page and the executable, each held against the schema of CycloneDX.
 */
export async function writeSboms(release) {
  const textOf = (name) => readFileSync(join(release, name), 'utf8');
  const singleFiles = new Map(
    ['verify.mjs', 'verify.html'].flatMap((name) => bundled(textOf(name))).map((one) => [one.purl, one]),
  );
  const node = {
    type: 'framework',
    name: 'node',
    version: process.versions.node,
    purl: `pkg:generic/node@${process.versions.node}`,
    licenses: [{ license: { id: 'MIT' } }],
  };
  const bills = [
    bill(ours.name, installed()),
    ...providers.map((one) => bill(one.name, installedWith(one))),
    bill(`${ours.name}-engine`, crates()),
    bill(`${ours.name}-verify`, [...singleFiles.values(), node]),
  ];
  const modules = npmTool('@cyclonedx/cyclonedx-library@10.3.0', 'ajv@8', 'ajv-formats@3', 'ajv-formats-draft2019@1');
  const { Spec, Validation } = createRequire(join(modules, 'sbom.cjs'))('@cyclonedx/cyclonedx-library');
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  for (const one of bills) {
    const text = `${JSON.stringify(one, undefined, 2)}\n`;
    const wrong = await validator.validate(text);
    if (wrong !== null) throw new Error(`the bill of ${one.metadata.component.name}: ${JSON.stringify(wrong)}`);
    writeFileSync(join(release, `${one.metadata.component.name}.cdx.json`), text);
  }
}
