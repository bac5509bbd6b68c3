// The modules that the root loads are one file of the package: what is loaded, that nothing is there twice, and that neither
// stack traces nor bundlers of applications lose by it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from '../../scripts/lib/run.mjs';
import { Project } from './project.mjs';

const project = new Project();
const place = project.path('node_modules/fapilog-tamper');
const inPackage = (file) => pathToFileURL(join(place, file)).href;
const joined = JSON.parse(readFileSync(join(root, 'dist/root.js.map'), 'utf8')).sources.map((source) =>
  source.replace(/^\.\.\/src\/(.*)\.ts$/, '$1'),
);

test('a process that imports the root loads three files of the package, and valibot', () => {
  project.write(
    'hooks.mjs',
    `import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  if (url.startsWith('file:')) appendFileSync('loaded', url + '\\n');
  return next(url, context);
}
`,
  );
  const text = `import { register } from 'node:module';
register('./hooks.mjs', import.meta.url);
await import('fapilog-tamper');
console.log('true');
`;
  project.evaluate('loading.mjs', text);
  const loaded = project.read('loaded').trim().split('\n');
  const parts = loaded.map((url) => fileURLToPath(url).split('node_modules').at(-1).replaceAll('\\', '/'));
  assert.deepEqual(parts.sort(), [
    '/fapilog-tamper/dist/errors.js',
    '/fapilog-tamper/dist/index.js',
    '/fapilog-tamper/dist/root.js',
    '/valibot/dist/index.mjs',
  ]);
});

/** Those that a module outside of the joined file imports; in the place of the others is nothing. */
const leadingHere = joined.filter((module) => existsSync(join(place, `dist/${module}.js`)));

test('in the place of each joined module that others import is one that only leads there', () => {
  assert.ok(joined.length > 100, `${joined.length} modules`);
  const leading = /^(?:(?:import|export) \{[^{}]*\}(?: from "(?:\.\.\/|\.\/)+(?:root|errors)\.js")?;\n)+$/;
  assert.ok(leadingHere.length > 60, `${leadingHere.length} of them are asked for by others`);
  for (const module of leadingHere) {
    const text = readFileSync(join(place, `dist/${module}.js`), 'utf8');
    assert.match(text, leading, module);
  }
});

test('a class and a variable are there once, whichever module they are imported by', async () => {
  const all = new Set(
    Object.values({ ...(await import(inPackage('dist/root.js'))), ...(await import(inPackage('dist/errors.js'))) }),
  );
  for (const module of leadingHere) {
    for (const [name, value] of Object.entries(await import(inPackage(`dist/${module}.js`))))
      assert.ok(all.has(value), `${name} of ${module} is another one`);
  }
});

test('errors of all entry points, and of what is loaded later, are of one class', () => {
  const text = `import * as index from 'fapilog-tamper';
import { TamperError } from 'fapilog-tamper/errors';
import { EnvKeyProvider } from 'fapilog-tamper/providers/env';
import { SealedLogRecordExporter } from 'fapilog-tamper/opentelemetry';
const errorOf = async (run) => {
  try {
    await run();
  } catch (error) {
    return [error.constructor === TamperError, error instanceof index.TamperError, error.code];
  }
};
console.log(JSON.stringify([
  index.TamperError === TamperError,
  await errorOf(() => index.createSealer({ nonsense: 1 })),
  await errorOf(() => index.verify({ paths: ['absent.jsonl'], nonsense: 1 })),
  await errorOf(() => new EnvKeyProvider({ env: {} }).getKey('key')),
  await errorOf(() => new SealedLogRecordExporter({ nonsense: 1 })),
]));
`;
  assert.deepEqual(project.evaluate('errors.mjs', text), [
    true,
    [true, true, 'CONFIG_UNKNOWN_OPTION'],
    [true, true, 'USAGE'],
    [true, true, 'KEY_NOT_FOUND'],
    [true, true, 'CONFIG_UNKNOWN_OPTION'],
  ]);
});

test('a stack trace names functions', () => {
  project.write(
    'trace.mjs',
    `import { createSealer } from 'fapilog-tamper';
try {
  createSealer({ nonsense: 1 });
} catch (error) {
  console.log(error.stack);
}
`,
  );
  assert.match(project.run(['trace.mjs']).stdout, /at resolveConfig \(.*root\.js:\d+:\d+\)/);
});

test('a bundler of an application leaves out what it does not use', async () => {
  const bundled = async (name) => {
    const contents = `import { ${name} } from 'fapilog-tamper';\nconsole.log(${name});\n`;
    const stdin = { contents, resolveDir: project.folder };
    const options = { bundle: true, minify: true, write: false, platform: 'node', format: 'esm', logLevel: 'silent' };
    const { outputFiles } = await build({ stdin, ...options });
    return outputFiles[0].text;
  };
  const whole = await bundled('createSealer');
  assert.match(whole, /checkpoint_max_seconds|checkpointMaxSeconds/);
  for (const name of ['isTamperError', 'onKeyEvent', 'formatVkey']) {
    const text = await bundled(name);
    assert.ok(text.length < 4096, `${name} takes ${text.length} characters`);
    assert.doesNotMatch(text, /checkpoint_max_seconds|checkpointMaxSeconds|valibot|node:fs\/promises/);
  }
});
