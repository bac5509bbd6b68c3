import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { capture } from '../../lib/run.mjs';
import { programOf } from '../../lib/runtimes.mjs';
import { toolCache } from '../../lib/tool-cache.mjs';
import { NAMED, npmTool } from '../../release/named-tools.mjs';

const cache = join(toolCache(), 'image');
const STORE = ['--storage-driver', 'vfs', '--root', join(cache, 'store'), '--runroot', join(cache, 'run')];
/** What distroless has besides Node.js. */
const RUN_PACKAGES = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6', 'netbase', 'tzdata'];
const OS = '/etc/os-release';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

const made = [];

/** Runs buildah without a daemon, with its images in the tool cache, and returns what it printed. */
const buildah = (...args) => capture('buildah', [...STORE, ...args]).trim();

/** Builds an image. @returns its configuration of OCI, `config`, and where its files are, `rootfs`, until `removeBuilt` */
export function build(name, dockerfile, context, settings) {
  const given = Object.entries(settings).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  buildah('build', '--isolation', 'chroot', '--format', 'oci', ...given, '--tag', name, '--file', dockerfile, context);
  made.push(['rmi', name]);
  const { OCIv1 } = JSON.parse(buildah('inspect', '--type', 'image', name));
  const container = buildah('from', '--pull-never', name);
  made.push(['rm', container]);
  return { config: OCIv1.config, rootfs: buildah('mount', container) };
}

/** Removes the images that were built here. */
export function removeBuilt() {
  for (const command of made.reverse()) buildah(...command);
}

/**
 * The names of two images that stand in for the published bases, which cannot be pulled from everywhere: the distribution of
 * this machine, with Node.js and npm of the registry. They are made once.
 */
export function standInBases() {
  const [release] = /(?<=^VERSION_CODENAME=).+/m.exec(readFileSync(OS, 'utf8')) ?? ['stable'];
  const node = programOf('node-24');
  const names = { BUILD: `localhost/stand-in-build:${release}`, BASE: `localhost/stand-in-base:${release}` };
  const present = buildah('images', '--format', '{{.Name}}:{{.Tag}}').split('\n');
  mkdirSync(cache, { recursive: true });
  // the registry may be behind a proxy whose authority only this machine knows
  const trust = ['--env', `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`];
  if (!present.includes(names.BUILD)) commit(names.BUILD, trust, (folder) => buildRoot(folder, release, node));
  if (!present.includes(names.BASE)) commit(names.BASE, ['--user', '65532'], (folder) => runRoot(folder, node));
  return names;
}

/** Makes an image of what `fill` returns, which it may make in a folder. */
function commit(name, settings, fill) {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-base-'));
  const container = buildah('from', 'scratch');
  try {
    for (const source of fill(folder)) buildah('add', '--quiet', container, source, '/');
    buildah('config', ...settings, container);
    buildah('commit', '--quiet', container, name);
  } finally {
    buildah('rm', container);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Debian with apt, as node:24-trixie-slim is. */
function buildRoot(folder, release, node) {
  const debian = join(folder, 'debian.tar');
  const more = /^ID=ubuntu$/m.test(readFileSync(OS, 'utf8')) ? ['--components=main,universe'] : [];
  capture('mmdebstrap', ['--quiet', '--variant=apt', ...more, release, debian]);
  const npm = join(npmTool(`npm@${NAMED.npm}`), 'npm');
  const local = join(folder, 'root', 'usr', 'local');
  mkdirSync(join(local, 'bin'), { recursive: true });
  copyFileSync(node, join(local, 'bin', 'node'));
  mkdirSync(join(folder, 'root', dirname(CERTIFICATES)), { recursive: true });
  copyFileSync(CERTIFICATES, join(folder, 'root', CERTIFICATES));
  cpSync(npm, join(local, 'lib', 'node_modules', 'npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin', 'npm'));
  return [debian, join(folder, 'root')];
}

/** No shell, no package manager, one user, as in distroless. */
function runRoot(folder, node) {
  const root = join(folder, 'root');
  capture('apt-get', ['download', '-qq', ...RUN_PACKAGES], { cwd: folder });
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.deb'))) {
    capture('dpkg-deb', ['-x', join(folder, name), root]);
  }
  for (const path of ['nodejs/bin', 'home/nonroot', dirname(CERTIFICATES)]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  copyFileSync(node, join(root, 'nodejs', 'bin', basename(node)));
  copyFileSync(CERTIFICATES, join(root, CERTIFICATES));
  writeFileSync(join(root, 'etc', 'passwd'), 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n');
  writeFileSync(join(root, 'etc', 'group'), 'nonroot:x:65532:\n');
  return [root];
}
