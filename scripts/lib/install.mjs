import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { root, run } from './run.mjs';

/**
 * What the lock file asks for and node_modules does not hold; undefined when everything is there.
 * Versions are compared, not file times: a checkout touches the lock file without changing it.
 */
function missingPackage() {
  const installed = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return 'node_modules';
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    if (found === undefined ? entry.optional !== true : found.version !== entry.version) return path;
  }
  return undefined;
}

/** Installs what the lock file asks for, when it is not there yet. */
export function ensureInstalled() {
  const missing = missingPackage();
  if (missing === undefined) return;
  if (existsSync(`${root}node_modules`) && lstatSync(`${root}node_modules`).isSymbolicLink()) {
    // npm ci would empty the folder behind the link, which another checkout is using.
    throw new Error(`${missing} is missing and node_modules is a link: run npm ci where it points to`);
  }
  console.log('Installing dependencies (npm ci) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const code = run(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    shell: process.platform === 'win32',
  });
  if (code !== 0) process.exit(code);
}
