// What must not be published is refused before anything is sent.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageName } from '../../scripts/build/engine/package.mjs';
import { platforms } from '../../scripts/build/engine/platforms.mjs';
import { checksums } from '../../scripts/lib/checksums.mjs';
import { capture, root } from '../../scripts/lib/run.mjs';
import { releasedPackages } from '../../scripts/release/contents.mjs';
import { makeProvider, providers } from '../../scripts/release/providers.mjs';

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const names = Object.keys(platforms);
const engineOf = (name) => `the engine of ${name}`;
const engineFile = (name) => `fapilog-tamper-engine-${name}-${version}.tgz`;
const ours = `fapilog-tamper-${version}.tgz`;

function pack(work, file, manifest, more = {}) {
  const folder = join(work, 'stage', 'package');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...more })) {
    writeFileSync(join(folder, name), text);
  }
  capture('tar', ['-czf', join(work, 'release', file), '-C', join(work, 'stage'), 'package']);
  rmSync(join(work, 'stage'), { recursive: true });
}

const engineManifest = (name) => ({ name: packageName(name), version, publishConfig: { access: 'public' } });
const ownManifest = {
  name: 'fapilog-tamper',
  version,
  optionalDependencies: Object.fromEntries(names.map((name) => [packageName(name), version])),
  engineSha256: Object.fromEntries(
    names.map((name) => [name, createHash('sha256').update(engineOf(name)).digest('hex')]),
  ),
};

const providerFile = (name) => `${name}-${version}.tgz`;
const providerManifest = (name) => ({ name, version, peerDependencies: { 'fapilog-tamper': `^${version}` } });

/** A release as the build makes it, after a change and before or after its list of digests is written. */
function releaseWith({ before = () => undefined, after = () => undefined }) {
  const work = mkdtempSync(join(tmpdir(), 'release-'));
  const release = join(work, 'release');
  try {
    mkdirSync(release);
    for (const name of names) pack(work, engineFile(name), engineManifest(name), { 'engine.node': engineOf(name) });
    pack(work, ours, ownManifest);
    for (const { name } of providers) pack(work, providerFile(name), providerManifest(name));
    writeFileSync(join(release, 'COMMIT'), capture('git', ['rev-parse', 'HEAD']));
    before(work, release);
    const files = readdirSync(release).map((name) => [name, readFileSync(join(release, name))]);
    writeFileSync(join(release, 'SHA256SUMS'), checksums(files));
    after(work, release);
    return releasedPackages(release);
  } finally {
    rmSync(work, { recursive: true });
  }
}

test('a release as it was built: engines first, what needs the package last', () => {
  const packages = releaseWith({}).map(({ name }) => name);
  assert.deepEqual(packages, [...names.map(packageName), 'fapilog-tamper', ...providers.map(({ name }) => name)]);
});

const first = names[0];
const changes = [
  [
    'a package that is not ours',
    { before: (work) => pack(work, 'aaa.tgz', { name: 'left', version }) },
    /aaa\.tgz is none/,
  ],
  ['an engine that is missing', { before: (_, release) => rmSync(join(release, engineFile(first))) }, /is not there/],
  ['our package that is missing', { before: (_, release) => rmSync(join(release, ours)) }, /is not there/],
  ['a file that is not listed', { after: (_, release) => writeFileSync(join(release, 'x'), '') }, /x is not in/],
  ['a file that was altered', { after: (work) => pack(work, ours, { ...ownManifest, a: 1 }) }, /is not the file that/],
  ['no list', { after: (_, release) => rmSync(join(release, 'SHA256SUMS')) }, /SHA256SUMS is not there/],
  ['an empty list', { after: (_, release) => writeFileSync(join(release, 'SHA256SUMS'), '') }, /is not in release/],
  ['another commit', { before: (_, release) => writeFileSync(join(release, 'COMMIT'), 'abc\n') }, /was built from abc/],
  ['another version', { before: (work) => pack(work, ours, { ...ownManifest, version: '9.0.0' }) }, /version is "9/],
  [
    'another registry',
    { before: (work) => pack(work, ours, { ...ownManifest, publishConfig: { registry: 'https://example.com' } }) },
    /publishConfig is/,
  ],
  ['no engine named', { before: (work) => pack(work, ours, { ...ownManifest, engineSha256: {} }) }, /engineSha256 is/],
  [
    'an engine under the name of another',
    { before: (work) => pack(work, engineFile(first), engineManifest(names[1]), { 'engine.node': engineOf(first) }) },
    /name is/,
  ],
  [
    'an engine of other bytes',
    { before: (work) => pack(work, engineFile(first), engineManifest(first), { 'engine.node': 'other' }) },
    /engineSha256 is/,
  ],
  [
    'an engine with an install script',
    {
      before: (work) =>
        pack(work, engineFile(first), { ...engineManifest(first), scripts: {} }, { 'engine.node': engineOf(first) }),
    },
    /scripts is/,
  ],
  ...providers.flatMap(({ name }) => {
    const altered = (change) => ({
      before: (work) => pack(work, providerFile(name), { ...providerManifest(name), ...change }),
    });
    return [
      [
        `${name} that is missing`,
        { before: (_, release) => rmSync(join(release, providerFile(name))) },
        /is not there/,
      ],
      [`${name} for another package`, altered({ peerDependencies: { 'fapilog-tamper': '^9' } }), /peerDependencies is/],
      [`${name} with an install script`, altered({ scripts: { install: 'true' } }), /scripts is/],
    ];
  }),
];
for (const [what, change, said] of changes) {
  test(`not published: ${what}`, () => assert.throws(() => releaseWith(change), said));
}

for (const provider of providers) {
  test(`${provider.name} is published with its code, and without what only a checkout needs`, () => {
    const work = mkdtempSync(join(tmpdir(), 'provider-'));
    try {
      const folder = join(work, 'made');
      makeProvider(provider, folder);
      assert.deepEqual(readdirSync(folder).sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      assert.deepEqual([manifest.name, manifest.version, manifest.scripts], [provider.name, version, undefined]);
      assert.match(readFileSync(join(folder, manifest.exports), 'utf8'), /createProvider/);
      assert.match(readFileSync(join(folder, manifest.types), 'utf8'), /createProvider/);
    } finally {
      rmSync(work, { recursive: true });
    }
  });
}

test('options that do not go together are wrong usage', () => {
  for (const args of [
    [],
    ['--build', '--publish'],
    ['--tryy'],
    ['--publish', 'all'],
    ['--notes', '--engine', 'native'],
  ]) {
    const { status, stdout } = spawnSync(process.execPath, [`${root}scripts/release.mjs`, ...args], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout], [64, ''], args.join(' '));
  }
});
