// dist/offline/verify.mjs, copied to where nothing else is: the command of the package, in one file.
import assert from 'node:assert/strict';
import { execFileSync, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { buildOffline } from '../../scripts/build/offline/build.mjs';
import { vectorInputs, vectorNames } from '../support/vector-inputs.mjs';
import { Project } from './project.mjs';

const project = new Project();
const shipped = project.path('node_modules/fapilog-tamper/dist/offline');
const place = project.folderElsewhere();
const alone = join(place, 'verify.mjs');
copyFileSync(join(shipped, 'verify.mjs'), alone);

/** Runs verify.mjs with an empty environment. */
async function runAlone(args, { cwd = place, env = {} } = {}) {
  const child = spawn(process.execPath, [alone, ...args], { cwd, env });
  const result = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      result[name] += text;
    });
  }
  child.stdin.end();
  const [code] = await once(child, 'close');
  return { code, ...result };
}

const { run } = await import(pathToFileURL(project.path('node_modules/fapilog-tamper/dist/cli/run.js')).href);

/** Runs the command of the package, in this process. */
async function runPackage(args, cwd = place) {
  const result = { stdout: '', stderr: '' };
  const into = (name) =>
    new Writable({
      write(chunk, _encoding, done) {
        result[name] += chunk.toString('utf8');
        done();
      },
    });
  const io = { stdin: () => Readable.from([]), stdout: into('stdout'), stderr: into('stderr'), env: {} };
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const code = await run(['verify', ...args], io, async () => '');
    return { code, ...result };
  } finally {
    process.chdir(before);
  }
}

test('every vector gets the report that the package gives', async () => {
  const base = project.folderElsewhere();
  const names = vectorNames();
  assert.ok(names.length > 200);
  const judged = { 0: 0, 1: 0, 2: 0 };
  const cases = names.values();
  const judgeRest = async () => {
    for (const name of cases) {
      const cwd = join(base, name);
      const { args, expected } = vectorInputs(name, cwd);
      const given = await runAlone([...args, '--format', 'json'], { cwd });
      assert.deepEqual(given, await inTurn(() => runPackage([...args, '--format', 'json'], cwd)), name);
      assert.equal(JSON.parse(given.stdout).verdict, ['ok', 'tampered', 'undecided'][given.code], name);
      if (expected !== undefined) assert.equal(given.code, expected, name);
      judged[given.code]++;
    }
  };
  await Promise.all([judgeRest(), judgeRest()]);
  for (const count of Object.values(judged)) assert.ok(count > 20, JSON.stringify(judged));
});

/** The working directory is the process's: one at a time. */
let last = Promise.resolve();
function inTurn(act) {
  const turn = last.then(act);
  last = turn.catch(() => undefined);
  return turn;
}

test('the text report, the messages of wrong usage and the exit codes are those of the package', async () => {
  const cwd = join(project.folderElsewhere(), 'log');
  const { args } = vectorInputs('valid-ed25519', cwd);
  const { args: tampered } = vectorInputs('auth-wrong', cwd);
  const cases = [
    args,
    [...args, '--verbose'],
    [...tampered, '--quiet'],
    [],
    ['absent.jsonl', '--origin', 'audit.example.com/a'],
    [...args.slice(0, 1)],
    ['--no-such-flag'],
    [...args, '--public-key', 'absent.pub'],
    [...args, '--policy', args[0]],
  ];
  const codes = new Set();
  for (const one of cases) {
    const given = await runAlone(one, { cwd });
    assert.deepEqual(given, await runPackage(one, cwd), one.join(' '));
    codes.add(given.code);
  }
  assert.deepEqual([...codes].sort(), [0, 1, 2, 64]);
});

test('--help and --version say how it is started and which version it is', async () => {
  const help = await runAlone(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^usage: node verify\.mjs PATH/);
  const { version } = JSON.parse(readFileSync(project.path('node_modules/fapilog-tamper/package.json'), 'utf8'));
  assert.equal((await runAlone(['--version'])).stdout, `${version}\n`);
});

test('it says which file it is, and the package which files: what sha256sum says of them', async () => {
  const sha256 = createHash('sha256').update(readFileSync(alone)).digest('hex');
  assert.match(
    (await runAlone(['--version', '--verbose'])).stdout,
    new RegExp(`^SHA-256 of this file: ${sha256}$`, 'm'),
  );
  const cwd = project.folderElsewhere();
  const { args } = vectorInputs('valid-signed', cwd);
  const { stdout } = await runAlone([...args, '--format', 'json', '--verbose', '--html', 'report.html'], { cwd });
  const { version } = JSON.parse(readFileSync(project.path('node_modules/fapilog-tamper/package.json'), 'utf8'));
  assert.deepEqual(JSON.parse(stdout).verifier, { version, sha256, of: 'file' });
  assert.ok(readFileSync(join(cwd, 'report.html'), 'utf8').includes(`which says that its SHA-256 is ${sha256}`));
  // the command of docs/offline.md
  const list = "find * -type f ! -path 'offline/*' ! -name '*.map' | LC_ALL=C sort | xargs sha256sum";
  const dist = project.path('node_modules/fapilog-tamper/dist');
  const [ofPackage] = execFileSync('sh', ['-c', `${list} | sha256sum`], { cwd: dist, encoding: 'utf8' }).split(' ');
  assert.match(
    project.command(['--version', '--verbose']).stdout,
    new RegExp(`^SHA-256 of this package: ${ofPackage}$`, 'm'),
  );
  assert.equal(readFileSync(join(dist, 'offline/PACKAGE-SHA256'), 'utf8'), `${ofPackage}  fapilog-tamper ${version}\n`);
});

/** A log whose checkpoints were signed by a key service, as its entries say. */
function logOfService(folder, { source, keyId }) {
  mkdirSync(folder);
  project.write(
    'service.mjs',
    `import { createSealer } from 'fapilog-tamper';
import { MemoryProvider } from 'fapilog-tamper/testing';
const [source, keyId] = ${JSON.stringify([source, keyId])};
const service = new MemoryProvider({ keyIds: [keyId] });
const ofSource = (name) => async (...args) => ({ ...(await service[name](...args)), source });
const keyProvider = {
  source,
  getSigningKey: ofSource('getSigningKey'),
  sign: ofSource('sign'),
  signBatch: async (...args) => (await service.signBatch(...args)).map((one) => ({ ...one, source })),
  getKey: ofSource('getKey'),
  recoverKey: ofSource('recoverKey'),
  verify: (...args) => service.verify(...args),
  rotateCheck: () => service.rotateCheck(),
  close: () => service.close(),
};
const options = { file: 'audit.jsonl', origin: 'audit.example.com/service', keySource: source, keyId, useKmsSigning: true };
const sealer = createSealer({ ...options, awsRegion: 'eu-west-1', keyProvider });
sealer.write('{"msg":"paid"}');
await sealer.close();
`,
  );
  const made = project.run([project.path('service.mjs')], { cwd: folder });
  assert.equal(made.status, 0, made.stderr);
}

for (const [source, sdk, keyId] of [
  ['aws-kms', '@aws-sdk/client-kms', 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
  ['gcp-kms', '@google-cloud/kms', 'projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1'],
  ['azure-keyvault', '@azure/keyvault-keys', `https://v.vault.azure.net/keys/k/${'0123456789abcdef'.repeat(2)}`],
]) {
  test(`${source}: that its SDK is not in it is said, and no package beside it is loaded`, async () => {
    const cwd = join(place, source);
    logOfService(cwd, { source, keyId });
    for (const folder of [place, cwd]) {
      const fake = join(folder, 'node_modules', sdk);
      mkdirSync(fake, { recursive: true });
      const text = `require('node:fs').writeFileSync(${JSON.stringify(join(place, 'was-loaded'))}, '');`;
      writeFileSync(join(fake, 'index.js'), text);
    }
    const flags = ['--key-source', source, '--key-id', keyId, '--use-kms-signing', '--aws-region', 'eu-west-1'];
    const args = ['audit.jsonl', '--origin', 'audit.example.com/service', ...flags, '--format', 'json'];
    const { code, stdout, stderr } = await runAlone(args, { cwd });
    assert.equal(code, 2, stdout + stderr);
    const finding = JSON.parse(stdout).findings.find((one) => one.code === 'KEY_SERVICE');
    assert.match(finding?.message ?? stdout, /DEPENDENCY_MISSING.*its SDK is not in it/);
    assert.ok(!existsSync(join(place, 'was-loaded')));
  });
}

/** A log of more than 64 MiB, which `--jobs` divides. */
function largeLog(folder) {
  mkdirSync(folder);
  project.write(
    'large.mjs',
    `import { createSealer, generateKeyFile } from 'fapilog-tamper';
await generateKeyFile('audit.key', 'Ed25519');
const origin = 'audit.example.com/large';
const keys = { algorithm: 'Ed25519', keySource: 'file', keyFilePath: 'audit.key' };
const sealer = createSealer({ file: 'audit.jsonl', origin, ...keys });
const line = JSON.stringify({ msg: 'x'.repeat(6_000) });
for (let at = 0; at < 12_000; at++) {
  sealer.write(line);
  if (at % 1000 === 0) await sealer.flush();
}
await sealer.close();
`,
  );
  const made = project.run([project.path('large.mjs')], { cwd: folder });
  assert.equal(made.status, 0, made.stderr);
  assert.ok(statSync(join(folder, 'audit.jsonl')).size > 64 * 1024 * 1024);
}

test('--jobs: it starts itself, and never a program that stands beside it; the report is the same', async () => {
  const cwd = join(place, 'large');
  largeLog(cwd);
  for (const name of ['segment-process.mjs', 'segment-process.js']) {
    const text = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(join(place, 'was-run'))}, '');\n`;
    writeFileSync(join(place, name), text);
    writeFileSync(join(cwd, name), text);
  }
  const flags = ['--public-key', 'audit.key.pub', '--origin', 'audit.example.com/large', '--format', 'json'];
  const args = ['audit.jsonl', ...flags];
  const whole = await runAlone(args, { cwd });
  assert.equal(whole.code, 0, whole.stdout + whole.stderr);
  assert.deepEqual(await runAlone([...args, '--jobs', '2'], { cwd }), whole);
  assert.ok(!existsSync(join(place, 'was-run')));

  const bytes = readFileSync(join(cwd, 'audit.jsonl'));
  bytes[bytes.length - 30_000] ^= 1;
  writeFileSync(join(cwd, 'altered.jsonl'), bytes);
  const altered = await runAlone(['altered.jsonl', ...flags, '--jobs', '2'], { cwd });
  assert.equal(altered.code, 1, altered.stdout + altered.stderr);
  assert.deepEqual(await runAlone(['altered.jsonl', ...flags], { cwd }), altered);

  const child = fork(alone, ['--check-segments'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', openSync(join(cwd, 'audit.jsonl'))],
    serialization: 'advanced',
    env: {},
  });
  const ended = once(child, 'exit');
  child.send({ id: 7, from: 0, to: 16 * 1024 * 1024, keys: [] });
  const [{ id, runs }] = await Promise.race([once(child, 'message'), ended]);
  child.disconnect();
  await ended;
  assert.equal(id, 7);
  assert.ok(runs.length > 0, 'a part was checked');
});

test('it imports nothing but modules of Node.js, and its licences stand in its first lines', () => {
  const text = readFileSync(alone, 'utf8');
  const imported = [...text.matchAll(/\bimport\s*(?:[\w$*{][^'"()]*?\bfrom\s*)?['"]([^'"]+)['"]/g)].map(
    ([, name]) => name,
  );
  const loaded = [...text.matchAll(/\b(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)/g)].map(([, name]) => name);
  assert.ok(imported.length > 10);
  const known = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
  assert.deepEqual(
    [...imported, ...loaded].filter((name) => !known.has(name)),
    [],
  );
  const banner = text.slice(0, text.indexOf('*/'));
  for (const words of ['Apache License', 'yaml 2.', 'Eemeli Aro', 'valibot 1.', 'Fabian Hiller'])
    assert.ok(banner.includes(words), words);
});

test('two builds give the same bytes, and SHA256SUMS has their digests', async () => {
  const sums = readFileSync(join(shipped, 'SHA256SUMS'), 'utf8');
  for (const folder of [project.folderElsewhere(), project.folderElsewhere()]) {
    await buildOffline(folder);
    assert.equal(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'), sums);
    assert.deepEqual(readFileSync(join(folder, 'verify.mjs')), readFileSync(join(shipped, 'verify.mjs')));
  }
  const lines = sums.trimEnd().split('\n');
  assert.ok(lines.some((line) => line.endsWith('  verify.mjs')));
  for (const line of lines) {
    const [digest, name] = line.split('  ');
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(shipped, name)))
        .digest('hex'),
      digest,
      name,
    );
  }
});
