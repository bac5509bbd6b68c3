// Jest of a user, configured as docs/bundling.md says.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Project, sealAndVerify } from './project.mjs';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const names = 'auditorKeys, createSealer, generateKeyFile, isTamperError, verify';
const tests = `${sealAndVerify}
let folder;
beforeEach(() => {
  folder = mkdtempSync('audit-');
});
afterEach(() => jest.useRealTimers());
test('real timers', async () => {
  expect(await sealAndVerify(folder)).toBe('ok');
});
test('fake timers', async () => {
  jest.useFakeTimers({ now: 0 });
  expect(await sealAndVerify(folder)).toBe('ok');
});
test('errors', async () => {
  let thrown;
  try {
    createSealer({ file: folder + '/audit.jsonl', origin: '' });
  } catch (error) {
    thrown = error;
  }
  expect(isTamperError(thrown)).toBe(true);
  expect(thrown).toBeInstanceOf(Error);
});
`;

/** Runs Jest in a folder of the project. */
function run(project, folder, ...flags) {
  const patience = ['--testTimeout', '100000']; // the first test compiles the whole package
  const cache = ['--cacheDirectory', project.path('cache')];
  const args = [...flags, jest, '--ci', '--runInBand', '--rootDir', '.', ...cache, ...patience];
  const result = project.run(args, { cwd: project.path(folder) });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stderr, /Tests: +3 passed, 3 total/);
}

test('ES modules, with --experimental-vm-modules', () => {
  const project = new Project();
  project.write('esm/package.json', '{ "type": "module" }');
  project.writeDocumented('esm/jest.config.js');
  project.link('@jest/globals');
  project.write(
    'esm/seal.test.js',
    `import { mkdtempSync } from 'node:fs';
import { jest } from '@jest/globals';
import { ${names} } from 'fapilog-tamper';
${tests}`,
  );
  run(project, 'esm', '--experimental-vm-modules');
});

test('CommonJS, with Babel for the package', () => {
  const project = new Project();
  project.writeDocumented('commonjs/jest.config.js');
  project.writeDocumented('commonjs/babel.config.js');
  project.link('@babel/preset-env');
  // The folder of node_modules is above Jest's.
  project.write(
    'commonjs/seal.test.js',
    `const { mkdtempSync } = require('node:fs');
const { ${names} } = require('fapilog-tamper');
${tests}`,
  );
  run(project, 'commonjs');
});
