// What esbuild makes of an application, with no package named as external: it runs where nothing is installed.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { build } from 'esbuild';
import { Project, sealAndVerify } from './project.mjs';

const project = new Project();
project.link('pino');

// As docs/bundling.md has it, for packages in CommonJS (yaml, pino, @aws-crypto/crc32c), which require modules of Node.js.
const js =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);";
const formats = [
  { format: 'esm', file: 'app.mjs', commonjs: { banner: { js } } },
  { format: 'cjs', file: 'app.cjs', commonjs: {} },
];

/** Bundles a program text, as the only file of a folder outside the project. The bundler has nothing to say about it. */
async function bundle(text, { format, file }, options = {}) {
  const folder = project.folderElsewhere();
  const result = await build({
    stdin: { contents: text, resolveDir: project.folder },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    outfile: `${folder}/${file}`,
    logLevel: 'silent',
    ...options,
  });
  assert.deepEqual(result.warnings, []);
  return {
    folder,
    run(env = {}) {
      const { status, stdout, stderr } = project.run([file], { cwd: folder, env });
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    },
  };
}

for (const kind of formats) {
  test(`${kind.format}: an application that seals with a local key runs, and its log verifies`, async () => {
    const text = `import { auditorKeys, createSealer, generateKeyFile, verify } from 'fapilog-tamper';
${sealAndVerify}
sealAndVerify('.').then((verdict) => console.log(JSON.stringify(verdict)));
`;
    const { folder, run } = await bundle(text, kind);
    assert.equal(run(), 'ok');
    const checked = project.command(
      ['verify', 'audit.jsonl', '--keys', 'audit.key', '--origin', 'audit.example.com/project'],
      { cwd: folder },
    );
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  });

  test(`${kind.format}: pino writes to a sealer of the bundle, and a policy in YAML is read`, async () => {
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
    const { folder, run } = await bundle(text, kind, kind.commonjs);
    writeFileSync(`${folder}/policy.yaml`, 'version: 1\nstreams:\n  - origin: audit.example.com/pino\n');
    assert.equal(run(), 'ok');
  });

  test(`${kind.format}: a key service whose SDK was not installed is DEPENDENCY_MISSING`, async () => {
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
    const { run } = await bundle(text, kind, kind.commonjs);
    assert.deepEqual(run(), ['DEPENDENCY_MISSING', true, 'DEPENDENCY_MISSING', true, 'DEPENDENCY_MISSING', true]);
  });
}
