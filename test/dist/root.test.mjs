// Modules that are loaded together are one file of the package: what is loaded, that nothing is there twice, and that neither
// stack traces nor bundlers of applications lose by it.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from '../../scripts/lib/run.mjs';
import { Project } from './project.mjs';

const project = new Project();
const place = project.path('node_modules/fapilog-tamper');
const inPackage = (file) => pathToFileURL(join(place, file)).href;
/** Each file of several modules, and their names. */
const joined = readdirSync(join(root, 'dist'))
  .filter((name) => name.endsWith('.js.map'))
  .map((name) => ({
    file: name.replace(/\.map$/, ''),
    modules: JSON.parse(readFileSync(join(root, 'dist', name), 'utf8')).sources.map((source) =>
      source.replace(/^\.\.\/src\/(.*)\.ts$/, '$1'),
    ),
  }))
  .filter(({ modules }) => modules.length > 1);

project.write(
  'hooks.mjs',
  `import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  if (url.startsWith('file:')) appendFileSync('loaded', url + '\\n');
  return next(url, context);
}
`,
);
project.write('register.mjs', `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n`);

/** The files of packages that a process loads. */
function loadedBy(args) {
  rmSync(project.path('loaded'), { force: true });
  const { status, stderr } = project.run(['--import', './register.mjs', ...args]);
  const urls = project.read('loaded').trim().split('\n');
  const paths = urls.map((url) => fileURLToPath(url).replaceAll('\\', '/'));
  return { status, stderr, files: paths.map((path) => path.split('/node_modules/').at(-1)).sort() };
}

test('a process that imports the root loads four files of the package, and valibot', () => {
  project.write('importing.mjs', `import 'fapilog-tamper';\n`);
  const { files } = loadedBy(['importing.mjs']);
  assert.deepEqual(
    files.filter((file) => !file.endsWith('importing.mjs')),
    [
      'fapilog-tamper/dist/errors.js',
      'fapilog-tamper/dist/index.js',
      'fapilog-tamper/dist/root.js',
      'fapilog-tamper/dist/writer.js',
      'valibot/dist/index.mjs',
    ],
  );
});

const command = join(place, 'dist/cli/main.js');

test('the command says its version without the rest of the package', () => {
  const { status, files } = loadedBy([command, '--version']);
  assert.equal(status, 0);
  assert.deepEqual(
    files.map((file) => file.replace('fapilog-tamper/dist/', '')),
    [
      ...['cli/described.js', 'cli/exit-code.js', 'cli/main.js', 'cli/output.js', 'cli/uncaught.js', 'cli/version.js'],
      ...['errors.js', 'foundation/own-package.js'],
    ],
  );
});

test('a verification loads few files, and no report for people that nobody asked for', () => {
  const key = { FAPILOG_TAMPER_KEY: Buffer.alloc(32, 7).toString('base64') };
  const sealing = `import { createSealer } from 'fapilog-tamper';
const log = createSealer({ file: 'app.log', origin: 'app.example.com/log', stateDir: 'state' });
log.write('{"a":1}\\n');
await log.close();
`;
  project.write('sealing.mjs', sealing);
  process.env['FAPILOG_TAMPER_KEY'] = key.FAPILOG_TAMPER_KEY;
  try {
    assert.equal(project.run(['sealing.mjs']).status, 0);
    const { status, stderr, files } = loadedBy([command, 'verify', 'app.log', '--origin', 'app.example.com/log']);
    assert.equal(status, 0, stderr);
    assert.ok(files.length <= 30, `${files.length} files: ${files.join(' ')}`);
    assert.deepEqual(
      files.filter((file) => file.includes('report/html')),
      [],
    );
  } finally {
    delete process.env['FAPILOG_TAMPER_KEY'];
  }
});

/** Those that a module outside of the joined file imports; in the place of the others is nothing. */
const leading = joined.flatMap(({ file, modules }) =>
  modules.filter((module) => existsSync(join(place, `dist/${module}.js`))).map((module) => ({ file, module })),
);

test('in the place of each joined module that others import is one that only leads there', () => {
  const counts = Object.fromEntries(joined.map(({ file, modules }) => [file, modules.length]));
  const files = ['command', 'commands', 'local-keys', 'root', 'verification', 'verify-command', 'writer'];
  assert.deepEqual(
    Object.keys(counts),
    files.map((name) => `${name}.js`),
  );
  assert.ok(counts['root.js'] + counts['writer.js'] > 100 && counts['verification.js'] > 100, JSON.stringify(counts));
  assert.ok(leading.length > 60, `${leading.length} of them are asked for by others`);
  const only = /^(?:(?:import|export) \{[^{}]*\}(?: from "(?:\.\.\/|\.\/)+(?:[a-z-]+)\.js")?;\n)+$/;
  for (const { module } of leading) assert.match(readFileSync(join(place, `dist/${module}.js`), 'utf8'), only, module);
});

test('a class and a variable are there once, whichever module they are imported by', async () => {
  const files = [
    ...joined.map(({ file }) => file),
    'errors.js',
    'cli/described.js',
    'cli/exit-code.js',
    'cli/output.js',
  ];
  const all = new Set();
  for (const file of files) for (const value of Object.values(await import(inPackage(`dist/${file}`)))) all.add(value);
  for (const { module } of leading) {
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
