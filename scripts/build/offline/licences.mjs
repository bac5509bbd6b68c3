import { existsSync, readFileSync } from 'node:fs';
import { root } from '../../lib/run.mjs';

/**
 * The licence texts of the packages that a bundle holds, ours first, as the lines of a comment.
 *
 * @param metafile - esbuild's
 */
export function licences(metafile) {
  const packages = new Set();
  for (const [path, { bytesInOutput }] of Object.entries(Object.values(metafile.outputs)[0].inputs)) {
    const name = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];
    if (name !== undefined && bytesInOutput > 0) packages.add(name);
  }
  const { name, version, homepage } = manifest(root);
  return [
    `${name} ${version}, ${homepage}`,
    'Copyright 2026 The fapilog-tamper for Node.js authors. Licensed under the Apache License, Version 2.0:',
    'https://www.apache.org/licenses/LICENSE-2.0',
    ...[...packages].sort().flatMap(licenceOf),
  ];
}

function manifest(folder) {
  return JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
}

function licenceOf(name) {
  const folder = `${root}node_modules/${name}/`;
  const { version, license } = manifest(folder);
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].find((one) => existsSync(folder + one));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  const text = readFileSync(folder + file, 'utf8').trimEnd();
  return ['', `It contains ${name} ${version} (${license}):`, '', ...text.split(/\r?\n/)];
}

/** The same as one comment of JavaScript. */
export function licenceComment(metafile) {
  const lines = licences(metafile).map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd());
  return ['/*!', ...lines, ' */', ''].join('\n');
}
