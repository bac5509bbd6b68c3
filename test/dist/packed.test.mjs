// The packed tarball, installed into an empty folder: what a user gets, and nothing else.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/lib/run.mjs';
import { Project, packedFiles } from './project.mjs';

const pkg = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const project = new Project();
const bin = (...args) => project.command(args);

test('the tarball holds the built files, the specification and the licence, and no source, test or script', () => {
  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'NOTICE',
    'SECURITY.md',
    'CHANGELOG.md',
    'spec/format.md',
    'docs/README.md',
  ]) {
    assert.ok(packedFiles().includes(file), `${file} is missing`);
  }
  const allowed =
    /^(dist|spec|docs|examples)\/|^(package\.json|README\.md|LICENSE|NOTICE|SECURITY\.md|CHANGELOG\.md|vectors\/README\.md)$/;
  assert.deepEqual(
    packedFiles().filter((file) => !allowed.test(file)),
    [],
  );
  assert.deepEqual(
    packedFiles().filter((file) => /\.key$|\.pem$|\.env|chainstate/.test(file)),
    [],
  );
  const exported = Object.values(pkg.exports).filter((name) => name.endsWith('.js'));
  for (const file of exported.map((name) => name.replace(/^\.\//, ''))) {
    assert.ok(packedFiles().includes(file.replace(/\.js$/, '.d.ts')), `${file} has no declarations`);
  }
});

test('it holds what an installation needs and no more', () => {
  const files = packedFiles();
  const bytes = files.reduce((sum, file) => sum + statSync(project.path('node_modules', pkg.name, file)).size, 0);
  console.log(`${files.length} files, ${bytes} bytes`);
  assert.ok(files.length <= 1_200, `${files.length} files`);
  assert.ok(bytes <= 5_000_000, `${bytes} bytes`);
  assert.deepEqual(
    pkg.man.filter((page) => !files.includes(page.replace(/^\.\//, ''))),
    [],
  );
});

test('every relative link of a packed page leads to a packed file, and hints name pages that are there', () => {
  const files = new Set(packedFiles());
  const folders = new Set(
    packedFiles().flatMap((file) =>
      file
        .split('/')
        .slice(0, -1)
        .map((_, at, parts) => parts.slice(0, at + 1).join('/')),
    ),
  );
  const lost = [];
  for (const page of packedFiles().filter((file) => file.endsWith('.md'))) {
    const text = readFileSync(`${root}${page}`, 'utf8').replace(/```[\s\S]*?```/g, '');
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:|^#/.test(link)) continue;
      const target = join(dirname(page), link.replace(/#.*$/, '')).replace(/\/$/, '');
      if (!files.has(target) && !folders.has(target)) lost.push(`${page}: ${link}`);
    }
  }
  for (const file of packedFiles().filter((name) => /^dist\/.*\.js$/.test(name))) {
    for (const [, page] of readFileSync(`${root}${file}`, 'utf8').matchAll(/\b(docs\/[\w/-]+\.md)/g)) {
      if (!files.has(page)) lost.push(`${file}: ${page}`);
    }
  }
  assert.deepEqual(lost, []);
  for (const member of ['repository', 'homepage', 'bugs']) assert.ok(pkg[member], `package.json lacks ${member}`);
});

test('no SDK and no logger is installed with it', () => {
  const installed = new Set(readdirSync(project.path('node_modules')));
  for (const name of ['@azure', '@google-cloud', 'pino', 'winston'])
    assert.ok(!installed.has(name), `${name} came along`);
  assert.ok(!existsSync(project.path('node_modules', '@aws-sdk', 'client-kms')));
});

test('an error made by one entry point is known to the other', () => {
  const text = `import * as errors from '${pkg.name}/errors';
import * as index from '${pkg.name}';
console.log(JSON.stringify(index.isTamperError(new errors.TamperError('INTERNAL', 'x'), 'INTERNAL')));
`;
  assert.equal(project.evaluate('identity.mjs', text), true);
});

test('internals are not reachable', () => {
  const inner = [
    'dist/index.js',
    'dist/core/tree.js',
    'core/tree',
    'core/tree.js',
    'src/index.ts',
    'seal',
    'verify',
    'providers',
  ];
  const text = `const codes = [];
for (const name of ${JSON.stringify(inner)}) {
  codes.push(await import('${pkg.name}/' + name).then(() => 'imported ' + name, (error) => error.code));
}
console.log(JSON.stringify(codes));
`;
  assert.deepEqual(
    project.evaluate('internals.mjs', text),
    inner.map(() => 'ERR_PACKAGE_PATH_NOT_EXPORTED'),
  );
});

test('importing the root starts nothing that keeps the process alive, and reads no environment into a failure', () => {
  const text = `import '${pkg.name}';
console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name.includes('Server'))));
`;
  assert.deepEqual(project.evaluate('idle.mjs', text), []);
});

test('a key service whose SDK is not installed is DEPENDENCY_MISSING, with the command that installs it', () => {
  const text = `import { createKeyProvider } from '${pkg.name}';
const found = [];
for (const config of [
  { keySource: 'aws-kms', keyId: 'alias/audit', awsRegion: 'eu-west-1', useKmsSigning: true },
  { keySource: 'gcp-kms', keyId: 'projects/p/locations/l/keyRings/r/cryptoKeys/k', useKmsSigning: true },
  { keySource: 'azure-keyvault', keyId: 'https://v.vault.azure.net/keys/k', useKmsSigning: true },
]) {
  let provider;
  try {
    provider = await createKeyProvider(config);
    await provider.getSigningKey(config.keyId);
    found.push('no error');
  } catch (error) {
    found.push([error.code, error.message]);
  } finally {
    await provider?.close();
  }
}
console.log(JSON.stringify(found));
`;
  const [aws, google, azure] = project.evaluate('missing.mjs', text);
  assert.deepEqual(aws, [
    'DEPENDENCY_MISSING',
    'AWS KMS support requires @aws-sdk/client-kms. Install it with: npm install @aws-sdk/client-kms',
  ]);
  assert.equal(google[0], 'DEPENDENCY_MISSING');
  assert.match(google[1], /requires @google-cloud\/kms\. Install it with: npm install @google-cloud\/kms$/);
  assert.equal(azure[0], 'DEPENDENCY_MISSING');
  assert.match(azure[1], /requires @azure\/(identity|keyvault-keys)/);
});

test('the command runs from the bin link, says its version, and ends with 64 on wrong usage', () => {
  const version = bin('--version');
  assert.equal(version.status, 0, version.stderr);
  assert.ok(version.stdout.includes(pkg.version));
  assert.equal(bin('--help').status, 0);
  assert.equal(bin('no-such-command').status, 64);
});

test('a log sealed by the command is ok for the command, and a changed byte is not', () => {
  const key = bin('keygen', '--out', 'audit.key');
  assert.equal(key.status, 0, key.stderr);
  const env = { FAPILOG_TAMPER_KEY_SOURCE: 'file', FAPILOG_TAMPER_KEY_FILE_PATH: 'audit.key' };
  const run = (args, input = '') => project.command(args, { input, env });
  const origin = ['--origin', 'audit.example.com/packed'];
  const sealed = run(['seal', '--out', 'audit.jsonl', ...origin], 'first line\n{"second":"line"}\n');
  assert.equal(sealed.status, 0, sealed.stderr);
  const check = ['verify', 'audit.jsonl', '--keys', 'audit.key', ...origin];
  assert.equal(run(check).status, 0);
  assert.equal(run(['cat', 'audit.jsonl']).stdout, 'first line\n{"second":"line"}\n');
  const path = project.path('audit.jsonl');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('second', 'sECond'));
  assert.equal(run(check).status, 1);
  writeFileSync(path, text);
  assert.equal(run(check).status, 0);
});
