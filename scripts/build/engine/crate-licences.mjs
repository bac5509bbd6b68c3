import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cargo } from '../../lib/cargo.mjs';
import { capture, root } from '../../lib/run.mjs';

/** The crates of others that the native module for a target holds, as cargo describes them. */
export function linkedCrates(target) {
  const cwd = `${root}engine`;
  const crate = 'fapilog-tamper-engine-napi';
  const kinds = ['--edges=normal,no-proc-macro', '--prefix=none', '--format={p}'];
  const tree = capture(cargo, ['tree', '--locked', '--package', crate, '--target', target, ...kinds], { cwd });
  const linked = new Set([...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`));
  const metadata = ['metadata', '--locked', '--format-version=1', '--filter-platform', target];
  const { packages } = JSON.parse(capture(cargo, metadata, { cwd }));
  return packages
    .filter(({ name, version, source }) => source !== null && linked.has(`${name} ${version}`))
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** Their licence texts, as lines. */
export const crateLicences = (target) => linkedCrates(target).flatMap(licenceOf);

function licenceOf({ name, version, license, authors, repository, manifest_path }) {
  const texts = textsIn(manifest_path);
  if (texts.length > 0) {
    return ['', `It contains ${name} ${version} (${license}):`, ...texts.flatMap((text) => ['', text])];
  }
  if (license === null || repository === null) throw new Error(`the crate ${name} ${version} names no licence`);
  return ['', `It contains ${name} ${version} (${license}) by ${authors.join(', ')}: ${repository}`];
}

/** The licences beside a manifest; where one can be chosen, that of MIT, which asks for its text to be passed on. */
function textsIn(manifest) {
  const folder = dirname(manifest);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|copyright)/i.test(file));
  const mit = files.filter((file) => /mit/i.test(file));
  return (mit.length > 0 ? mit : files.sort()).map((file) => readFileSync(join(folder, file), 'utf8').trimEnd());
}
