import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './built.mjs';
import { capture } from './run.mjs';

const shell = process.platform === 'win32';

/**
 * Packs the project as a registry would get it, into a new temporary folder with an empty project beside the tarball;
 * `project` makes another one. `remove` deletes all of it.
 */
export function pack() {
  ensureBuilt();
  const base = mkdtempSync(join(tmpdir(), 'fapilog-tamper-pack-'));
  const listing = capture('npm', ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', base], {
    shell,
  });
  // npm 11 prints a list; what a prepack script says may stand before it.
  const [{ filename, files }] = JSON.parse(listing.slice(listing.indexOf('[\n')));
  const tarball = join(base, filename.replace('/', '-'));
  if (!existsSync(tarball)) throw new Error(`npm pack named ${filename}, which is not there`);
  const project = (name) => {
    const folder = join(base, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    return folder;
  };
  return {
    tarball,
    folder: project('project'),
    project,
    files: files.map(({ path }) => path),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}

/** Installs packages into a folder, from npm's cache where it has them. */
export function installInto(folder, packages) {
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  capture('npm', ['install', ...quiet, ...packages], { cwd: folder, shell });
}

/** Installs packages into a folder of their own outside the tree, unless it has them; returns its node_modules. */
export function installOnce(folder, packages) {
  const installed = join(folder, 'installed');
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    installInto(folder, packages);
    writeFileSync(installed, '');
  }
  return join(folder, 'node_modules');
}

/** Unpacks a tarball of npm into a new folder, and returns that of the package. */
export function unpack(tarball, folder) {
  mkdirSync(folder, { recursive: true });
  capture('tar', ['-xzf', tarball, '-C', folder]);
  return join(folder, 'package');
}
