import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root } from '../../lib/run.mjs';
import { crateLicences } from './crate-licences.mjs';
import { platforms } from './platforms.mjs';

const ours = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const RUST = ['', "It contains Rust's standard library (MIT OR Apache-2.0): https://github.com/rust-lang/rust", ''];

/** What the package of a platform is called. */
export const packageName = (name) => `@fapilog-tamper/engine-${name}`;

/**
 * Makes the package of a platform: a folder as npm packs it.
 *
 * @param file - the native module, which is copied
 * @param folder - is made
 */
export function makePackage(name, file, folder) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(file, join(folder, 'engine.node'));
  copyFileSync(`${root}LICENSE`, join(folder, 'LICENSE'));
  const notice = [readFileSync(`${root}NOTICE`, 'utf8').trimEnd(), ...crateLicences(platforms[name].target), ...RUST];
  writeFileSync(join(folder, 'NOTICE'), notice.join('\n'));
  writeFileSync(join(folder, 'README.md'), readme(name));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(name), undefined, 2)}\n`);
}

/** Packs a folder that is a package into a tarball in another one, and returns its path. */
export function packFolder(folder, destination) {
  mkdirSync(destination, { recursive: true });
  const flags = ['--json', '--silent', '--ignore-scripts', '--pack-destination', destination];
  const [{ filename }] = JSON.parse(
    capture('npm', ['pack', ...flags], { cwd: folder, shell: process.platform === 'win32' }),
  );
  return join(destination, filename.replace('@', '').replace('/', '-'));
}

/**
 * Adds the packages of all platforms to our package, which lies unpacked in a folder, with the SHA-256 of each module: no other
 * is loaded.
 *
 * @param fileOf - the native module of a platform
 */
export function nameEngines(folder, fileOf) {
  const path = join(folder, 'package.json');
  const names = Object.keys(platforms);
  const optionalDependencies = Object.fromEntries(names.map((name) => [packageName(name), ours.version]));
  const engineSha256 = Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(fileOf(name)))
        .digest('hex'),
    ]),
  );
  const named = { ...JSON.parse(readFileSync(path, 'utf8')), optionalDependencies, engineSha256 };
  writeFileSync(path, `${JSON.stringify(named, undefined, 2)}\n`);
}

function manifest(name) {
  const { version, license, homepage, repository, bugs, engines } = ours;
  const { os, cpu, libc } = platforms[name];
  return {
    name: packageName(name),
    version,
    description: `The native engine of ${ours.name} for ${name}`,
    license,
    homepage,
    repository,
    bugs,
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    main: 'engine.node',
    files: ['engine.node', 'NOTICE'],
    // it is looked for in the file system, not in the archives of a package manager
    preferUnplugged: true,
    publishConfig: { access: 'public' },
  };
}

function readme(name) {
  return `# ${packageName(name)}

The native engine of [${ours.name}](${ours.homepage}) for ${name}. npm installs it with that package where it fits;
nothing in it is to be called by anybody else. It is used if its version is that of ${ours.name}, and
\`npx ${ours.name} --version --verbose\` says whether it is. What it does is done without it too, at a fraction of the speed.
`;
}
