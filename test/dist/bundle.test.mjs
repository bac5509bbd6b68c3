// What esbuild makes of an application, with no package named as external: it runs where nothing is installed.
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Project, sealAndVerify } from './project.mjs';

const project = new Project();
project.link('esbuild', 'pino');

/** Bundles an application as docs/bundling.md says; its bundle then is the only file of a folder elsewhere. */
function bundle(text, { format, file }) {
  project.writeDocumented('build.mjs');
  if (format === 'cjs') project.write('build.mjs', asCommonJs(project.read('build.mjs')));
  project.write('app.mjs', text);
  const built = project.run(['build.mjs']);
  assert.equal(built.status, 0, built.stderr);
  assert.equal(built.stderr, '', 'no warning');
  const folder = project.folderElsewhere();
  copyFileSync(project.path('out/app.mjs'), `${folder}/${file}`);
  return {
    folder,
    run() {
      const { status, stdout, stderr } = project.run([file], { cwd: folder });
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    },
  };
}

const asCommonJs = (text) => text.replace("format: 'esm'", "format: 'cjs'").replace(/ {2}banner: \{[\s\S]*?\},\n/, '');

const formats = [
  { format: 'esm', file: 'app.mjs' },
  { format: 'cjs', file: 'app.cjs' },
];

for (const kind of formats) {
  test(`${kind.format}: an application that seals with a local key runs, and its log verifies`, () => {
    const text = `import { auditorKeys, createSealer, generateKeyFile, verify } from 'fapilog-tamper';
${sealAndVerify}
sealAndVerify('.').then((verdict) => console.log(JSON.stringify(verdict)));
`;
    const { folder, run } = bundle(text, kind);
    assert.equal(run(), 'ok');
    const checked = project.command(
      ['verify', 'audit.jsonl', '--keys', 'audit.key', '--origin', 'audit.example.com/project'],
      { cwd: folder },
    );
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  });

  test(`${kind.format}: pino writes to a sealer of the bundle, and a policy in YAML is read`, () => {
    const text = `import { auditorKeys, createSealer, generateKeyFile, loadPolicy, verify } from 'fapilog-tamper';
import pino from 'pino';
(async () => {
  const [file, origin] = ['audit.jsonl', 'audit.example.com/pino'];
  await generateKeyFile('audit.key', 'HMAC-SHA256');
  const sealer = createSealer({ file, origin, keySource: 'file', keyFilePath: 'audit.key' });
  pino(sealer).info('paid');
  await sealer.close();
  const keys = auditorKeys({ dataKeyFiles: ['audit.key'] });
  const report = await verify({ paths: [file], keys, policy: await loadPolicy('policy.yaml') });
  console.log(JSON.stringify(report.verdict));
})();
`;
    const { folder, run } = bundle(text, kind);
    writeFileSync(`${folder}/policy.yaml`, 'version: 1\nstreams:\n  - origin: audit.example.com/pino\n');
    assert.equal(run(), 'ok');
  });

  test(`${kind.format}: a key service whose SDK was not installed is DEPENDENCY_MISSING`, () => {
    const text = `import { createKeyProvider } from 'fapilog-tamper';
(async () => {
  const codes = [];
  for (const config of [
    { keySource: 'aws-kms', keyId: 'alias/audit', awsRegion: 'eu-west-1', useKmsSigning: true },
    { keySource: 'gcp-kms', keyId: 'projects/p/locations/l/keyRings/r/cryptoKeys/k', useKmsSigning: true },
    { keySource: 'azure-keyvault', keyId: 'https://v.vault.azure.net/keys/k', useKmsSigning: true },
  ]) {
    let provider;
    try {
      provider = await createKeyProvider(config);
      await provider.getSigningKey(config.keyId);
    } catch ({ code, message }) {
      codes.push(code, message.includes('Install it with') || message.includes('Install them with'));
    } finally {
      await provider?.close();
    }
  }
  console.log(JSON.stringify(codes));
})();
`;
    const { run } = bundle(text, kind);
    assert.deepEqual(run(), ['DEPENDENCY_MISSING', true, 'DEPENDENCY_MISSING', true, 'DEPENDENCY_MISSING', true]);
  });
}
