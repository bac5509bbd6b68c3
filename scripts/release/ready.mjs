import { existsSync, readFileSync } from 'node:fs';
import { filesBelow } from '../lib/files.mjs';
import { capture, root } from '../lib/run.mjs';
import { providers } from './providers.mjs';

const textOf = (file) => readFileSync(root + file, 'utf8');
const { name, version } = JSON.parse(textOf('package.json'));

/** The heading and the text of this version in CHANGELOG.md; undefined where it has none. */
function section() {
  const [, ...sections] = textOf('CHANGELOG.md').split(/^## /m);
  const own = sections.find((one) => one.startsWith(`[${version}]`));
  if (own === undefined) return undefined;
  const end = own.indexOf('\n');
  return { heading: own.slice(0, end), text: own.slice(end + 1).trim() };
}

/** What a release says of its changes. */
export function notesOf() {
  const own = section();
  if (own === undefined) throw new Error(`CHANGELOG.md has no section [${version}]`);
  return `${own.text}\n`;
}

/** Every place that names the version, with what it says. */
function versionsNamed() {
  const lock = JSON.parse(textOf('package-lock.json'));
  const places = [
    ['package-lock.json', lock.version],
    ...providers.map((one) => [`${one.name}, its package.json`, one.version]),
    ...providers.map((one) => [`${one.name}, its peer`, one.peerDependencies['fapilog-tamper'].replace('^', '')]),
    ['package-lock.json, its first package', lock.packages[''].version],
    ['engine/Cargo.toml', /^version = "(.+)"$/m.exec(textOf('engine/Cargo.toml'))?.[1]],
    ...[...textOf('engine/Cargo.lock').matchAll(/^name = "(fapilog-[^"]+)"\nversion = "(.+)"$/gm)].map(
      ([, crate, own]) => [`engine/Cargo.lock, ${crate}`, own],
    ),
  ];
  const pinned = new RegExp(`\\b${name}(?:[@:]|": "[~^]?)(\\d[\\w.-]*)`, 'g');
  for (const file of ['examples', 'image', 'docs'].flatMap((folder) => filesBelow(folder))) {
    for (const [, own] of textOf(file).matchAll(pinned)) places.push([file, own]);
  }
  return places;
}

/**
 * What stands in the way of a release: versions that differ, a missing section of CHANGELOG.md, a tree that is not a commit.
 * Publishing also needs the tag, and the date of that section.
 *
 * @param step - `building` or `publishing`
 */
export function problemsBefore(step) {
  const problems = versionsNamed()
    .filter(([, own]) => own !== version)
    .map(([place, own]) => `${place} names version ${own}, package.json ${version}`);
  const own = section();
  if (own === undefined) problems.push(`CHANGELOG.md has no section [${version}]`);
  else if (own.text === '') problems.push(`CHANGELOG.md says nothing in its section [${version}]`);
  if (/^## \[Unreleased\]/m.test(textOf('CHANGELOG.md'))) problems.push('CHANGELOG.md has a section [Unreleased]');
  if (!existsSync(`${root}compat/${version}/SHA256SUMS`))
    problems.push(`compat/${version}/ is not there: CONTRIBUTING.md`);
  const changed = capture('git', ['status', '--porcelain', '--untracked-files=all']).trim();
  if (changed !== '') problems.push(`there are changes that are not committed:\n${changed}`);
  if (step !== 'publishing') return problems;
  const [, date] = / - (\d{4}-\d\d-\d\d)$/.exec(own?.heading ?? '') ?? [];
  if (own !== undefined && (date === undefined || Number.isNaN(Date.parse(date)))) {
    problems.push(`CHANGELOG.md: "${own.heading}" has no date; write [${version}] - YYYY-MM-DD`);
  }
  if (!capture('git', ['tag', '--points-at', 'HEAD']).split('\n').includes(`v${version}`))
    problems.push(`HEAD has not the tag v${version}`);
  return problems;
}
