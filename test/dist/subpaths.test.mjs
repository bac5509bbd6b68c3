// Every subpath from ES modules and from CommonJS, without optional peers where they are not needed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { root } from '../../scripts/lib/run.mjs';
import { Project } from './project.mjs';

const { name, exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const subpaths = Object.keys(exports).filter((subpath) => subpath !== './package.json');
const modules = subpaths.map((subpath) => name + subpath.slice(1));
const logger = `${name}/winston`; // extends a class of winston's
/** What pino calls, which wants it as the default. */
const targets = [name, `${name}/pino`];

const importing = (names) => `console.log(JSON.stringify([
${names.map((module) => `  ['${module}', Object.keys(await import('${module}'))],`).join('\n')}
]));
`;

// Some versions of Node say once that require() of an ES module is experimental. What they return for a module with a
// default export is a copy of it with __esModule.
const requiring = (names) => `process.removeAllListeners('warning');
(async () => {
  const same = [];
  for (const name of ${JSON.stringify(names)}) {
    const [required, imported] = [require(name), await import(name)];
    same.push(Object.keys(imported).every((key) => required[key] === imported[key]));
  }
  console.log(JSON.stringify(same));
})();
`;

function assertExports(found) {
  for (const [module, names] of found) {
    assert.ok(names.length > 0, `${module} exports nothing`);
    assert.equal(names.includes('default'), targets.includes(module), `${module}: a default export, or none`);
  }
}

test('without any SDK and any logger, every subpath but that of winston can be imported and required', () => {
  const project = new Project();
  const names = modules.filter((module) => module !== logger);
  assertExports(project.evaluate('import.mjs', importing(names)));
  assert.deepEqual(
    project.evaluate('require.cjs', requiring(names)),
    names.map(() => true),
  );
});

test('with winston every subpath can be imported and required, and is one module', () => {
  const project = new Project();
  project.link('winston', 'winston-transport');
  assertExports(project.evaluate('import.mjs', importing(modules)));
  assert.deepEqual(
    project.evaluate('require.cjs', requiring(modules)),
    modules.map(() => true),
  );
});

test('without winston its subpath names the package that is missing', () => {
  const project = new Project();
  const text = `console.log(JSON.stringify(await import('${logger}').catch(({ code, message }) => [code, message])));`;
  const [code, message] = project.evaluate('missing.mjs', text);
  assert.equal(code, 'ERR_MODULE_NOT_FOUND');
  assert.match(message, /'winston-transport'/);
});
