// The packages of the native engine beside our tarball, as npm installs them: the one of this machine, built with cargo.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makePackage, nameEngines, packageName, packFolder } from '../../scripts/build/engine/package.mjs';
import { platforms, thisPlatform } from '../../scripts/build/engine/platforms.mjs';
import { cargoVersion } from '../../scripts/lib/cargo.mjs';
import { installInto, unpack } from '../../scripts/lib/packed.mjs';
import { capture, root } from '../../scripts/lib/run.mjs';
import { Project, packedTarball } from './project.mjs';

const skip = cargoVersion() === undefined && process.env.CI !== 'true' ? 'cargo is not here' : false;
const platform = thisPlatform();
const module = join(root, 'engine', `${platform}.node`);
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
if (skip === false) capture(process.execPath, ['scripts/build/engine.mjs']);

/** Seals two lines with one engine, verifies them with another, and returns what stands in the log. */
function sealAndVerify(project, sealing, verifying) {
  const env = (engine) => ({ FAPILOG_TAMPER_KEY: 'a5'.repeat(32), FAPILOG_TAMPER_ENGINE: engine });
  const file = `${sealing}-${verifying}.jsonl`;
  const origin = ['--origin', 'audit.example.com/engines'];
  const sealed = project.command(['seal', '--out', file, ...origin], {
    env: { ...env(sealing), FAPILOG_TAMPER_STATE_DIR: `${file}.state` },
    input: '{"a":1}\nplain\n',
  });
  assert.equal(sealed.status, 0, sealed.stderr);
  const check = ['verify', file, '--key-env', 'FAPILOG_TAMPER_KEY', ...origin];
  const verified = project.command(check, { env: env(verifying) });
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  project.write(file, project.read(file).replace('plain', 'plane'));
  assert.equal(project.command(check, { env: env(verifying) }).status, 1);
}

test('two tarballs in an empty folder: the engine is native, and seals and verifies', { skip }, () => {
  const project = new Project();
  const place = project.folderElsewhere();
  makePackage(platform, module, join(place, 'package'));
  installInto(project.folder, [packFolder(join(place, 'package'), place)]);
  assert.match(project.command(['--version', '--verbose']).stdout, /is not one that this package names/);
  nameEngines(project.path('node_modules', ours.name), () => module);

  const installed = project.path('node_modules', packageName(platform));
  assert.deepEqual(readdirSync(installed).sort(), ['LICENSE', 'NOTICE', 'README.md', 'engine.node', 'package.json']);
  const { version, license, scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  assert.deepEqual([version, license, scripts], [ours.version, ours.license, undefined]);
  const notice = readFileSync(join(installed, 'NOTICE'), 'utf8');
  for (const crate of ['sha2', 'serde_json', 'napi'])
    assert.match(notice, new RegExp(`^It contains ${crate} \\d`, 'm'));

  assert.match(project.command(['--version', '--verbose']).stdout, /^engine: native \(.+engine\.node\)$/m);
  const doctor = project.command(['doctor', '--verbose'], { env: { FAPILOG_TAMPER_KEY: 'a5'.repeat(32) } });
  assert.match(doctor.stdout, /engine\W+native/, doctor.stderr);
  sealAndVerify(project, 'native', 'typescript');
  sealAndVerify(project, 'typescript', 'native');
  sealAndVerify(project, 'native', 'native');
});

test('a package that does not fit: the engine in TypeScript, and why', { skip }, () => {
  const project = new Project();
  const installed = project.path('node_modules', packageName(platform));
  const bytes = readFileSync(module);
  const otherMachine = Buffer.from(bytes);
  const [x64, arm64] = [62, 183]; // e_machine of ELF
  otherMachine.writeUInt16LE(bytes.readUInt16LE(18) === x64 ? arm64 : x64, 18);
  const manifest = (change) => (text) => JSON.stringify({ ...JSON.parse(text), ...change });
  const another = /has another SHA-256/;
  const cases = [
    ['another version', bytes, manifest({ version: '0.0.1-other' }), /is of version 0\.0\.1-other, not /],
    ['half a file', bytes.subarray(0, bytes.length >> 1), String, another],
    ['an empty file', bytes.subarray(0, 0), String, another],
    ['a file of zeros', Buffer.alloc(bytes.length), String, another],
    ['a file with a digest of its own', otherMachine, manifest({ engine: { sha256: digest(otherMachine) } }), another],
    ['a file of another platform', otherMachine, String, /cannot be loaded/],
    ['half a manifest', bytes, (text) => text.slice(0, text.length >> 1), /JSON/],
  ];
  const whole = join(project.folderElsewhere(), 'whole');
  makePackage(platform, module, whole);
  for (const [what, content, change, why] of cases) {
    cpSync(whole, installed, { recursive: true });
    writeFileSync(join(installed, 'engine.node'), content);
    const isOther = what === 'a file of another platform';
    nameEngines(project.path('node_modules', ours.name), () => (isOther ? join(installed, 'engine.node') : module));
    writeFileSync(join(installed, 'package.json'), change(readFileSync(join(installed, 'package.json'), 'utf8')));
    const { status, stdout, stderr } = project.command(['--version', '--verbose']);
    assert.deepEqual([status, stderr], [0, ''], what);
    assert.match(stdout, /^engine: typescript \(/m, what);
    assert.match(stdout, why, what);
    const asked = project.command(['--version', '--verbose'], { env: { FAPILOG_TAMPER_ENGINE: 'native' } });
    assert.equal(asked.status, 2, what);
    assert.match(asked.stderr, /DEPENDENCY_MISSING/, what);
  }
  sealAndVerify(project, 'auto', 'typescript');
});

test('npm takes the one engine that fits, and goes without where there is none', { skip }, async () => {
  const place = new Project().folderElsewhere();
  const folder = unpack(packedTarball(), join(place, 'ours'));
  nameEngines(folder, () => module);
  const release = packFolder(folder, place);
  const packages = new Map();
  for (const name of Object.keys(platforms)) {
    makePackage(name, module, join(place, name));
    const tarball = readFileSync(packFolder(join(place, name), place));
    const manifest = JSON.parse(readFileSync(join(place, name, 'package.json'), 'utf8'));
    packages.set(packageName(name), { tarball, manifest });
  }
  const server = createServer((request, response) => {
    const [, base, name, tarball] = /^(.*)\/(@[^/]+\/[^/]+?)(\.tgz)?$/.exec(decodeURIComponent(request.url)) ?? [];
    const found = packages.get(name);
    if (found === undefined) return response.writeHead(404).end('{}');
    if (tarball !== undefined) return response.end(found.tarball);
    const { version } = found.manifest;
    const dist = {
      tarball: `http://${request.headers.host}${base}/${name}.tgz`,
      integrity: `sha512-${createHash('sha512').update(found.tarball).digest('base64')}`,
    };
    const versions = { [version]: { ...found.manifest, dist } };
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const install = async () => {
      const project = new Project();
      // npm keeps what an address has said: no run has the address of another one
      const registry = `http://127.0.0.1:${server.address().port}/${randomUUID()}/`;
      project.write('.npmrc', `@fapilog-tamper:registry=${registry}\nprefer-offline=true\naudit=false\nfund=false\n`);
      await promisify(execFile)('npm', ['install', '--ignore-scripts', release], { cwd: project.folder });
      const scope = project.path('node_modules', '@fapilog-tamper');
      const { stdout } = project.command(['--version', '--verbose']);
      return { engines: existsSync(scope) ? readdirSync(scope) : [], stdout };
    };
    const whole = await install();
    assert.deepEqual(whole.engines, [basename(packageName(platform))]);
    assert.match(whole.stdout, /^engine: native \(/m);

    packages.clear();
    const unpublished = await install();
    assert.deepEqual(unpublished.engines, []);
    assert.match(unpublished.stdout, /^engine: typescript \(.* is not installed\)$/m);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
