// verify_on_close and `jobs` start programs of the package, which a bundle does not contain: the work is done without.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';
import { Project } from './project.mjs';

const project = new Project();

async function run(text, { format, file }) {
  const folder = project.folderElsewhere();
  await build({
    stdin: { contents: text, resolveDir: project.folder },
    bundle: true,
    platform: 'node',
    format,
    outfile: `${folder}/${file}`,
    logLevel: 'silent',
  });
  const { status, stdout, stderr } = project.run([file], { cwd: folder });
  assert.equal(status, 0, stderr);
  return { ...JSON.parse(stdout), stderr };
}

const closing = (spoil) => `import { readFileSync, writeFileSync } from 'node:fs';
import { createSealer, generateKeyFile } from 'fapilog-tamper';
(async () => {
  const file = 'audit.jsonl';
  await generateKeyFile('audit.key', 'HMAC-SHA256');
  const origin = 'audit.example.com/close';
  const sealer = createSealer({ file, origin, keySource: 'file', keyFilePath: 'audit.key', verifyOnClose: true });
  const warnings = [];
  sealer.on('warning', ({ code, message }) => warnings.push(code + ' ' + message));
  sealer.write('one\\n');
  await sealer.flush();
  ${spoil}
  await sealer.close();
  console.log(JSON.stringify({ warnings }));
})();
`;

const large = `import { statSync } from 'node:fs';
import { auditorKeys, createSealer, generateKeyFile, verify } from 'fapilog-tamper';
(async () => {
  const [file, origin] = ['audit.jsonl', 'audit.example.com/large'];
  await generateKeyFile('audit.key', 'HMAC-SHA256');
  const sealer = createSealer({ file, origin, keySource: 'file', keyFilePath: 'audit.key' });
  const line = 'x'.repeat(60_000);
  for (let at = 0; at < 1200; at++) {
    sealer.write(line);
    if (at % 100 === 0) await sealer.flush();
  }
  await sealer.close();
  const keys = auditorKeys({ dataKeyFiles: ['audit.key'] });
  const { verdict } = await verify({ paths: [file], origin, keys, jobs: 2 });
  console.log(JSON.stringify({ verdict, size: statSync(file).size }));
})();
`;

for (const kind of [
  { format: 'esm', file: 'app.mjs' },
  { format: 'cjs', file: 'app.cjs' },
]) {
  test(`${kind.format}: verify_on_close verifies in the process itself`, async () => {
    assert.deepEqual(await run(closing(''), kind), { warnings: [], stderr: '' });
    const spoil = `writeFileSync(file, readFileSync(file, 'utf8').replace('"line":"one"', '"line":"own"'));`;
    const { warnings } = await run(closing(spoil), kind);
    assert.match(warnings.join('\n'), /VERIFY_FAILED .*audit\.jsonl was altered while it was being written/);
  });

  test(`${kind.format}: \`jobs\` has no effect on a large file`, async () => {
    const { verdict, size } = await run(large, kind);
    assert.ok(size > 64 * 1024 * 1024, `${size} bytes are not large`);
    assert.equal(verdict, 'ok');
  });
}
