// Tests speak to what the package exports, to the built command and to vectors. Those that import an inner module of src/ are
// in test/deep-imports.json, each with its reason, and the list may only shrink. Violations that are planted here must be seen.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { filesBelow } from '../lib/files.mjs';
import { report, root } from '../lib/run.mjs';

/** How many the list may name. Lower them with the list; never raise them. */
const limits = { tests: 139, modules: 53 };

/** The source files behind the package's exports. */
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const isPublic = new Set(Object.values(exports).map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')));

/** What a file of test/ takes from where, and what it exports that is not its own. */
function read(file, text) {
  const found = { taken: [], passed: new Map() };
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const pathOf = (literal) => posix.join(posix.dirname(file), literal);
  const local = new Map();
  for (const statement of tree.statements) {
    const from = statement.moduleSpecifier?.text;
    if (ts.isImportDeclaration(statement) && from?.startsWith('.')) {
      const named = statement.importClause?.namedBindings;
      const elements = named !== undefined && ts.isNamedImports(named) ? named.elements : [];
      for (const { propertyName, name } of elements) {
        local.set(name.text, { path: pathOf(from), name: (propertyName ?? name).text });
      }
      for (const whole of [named?.name, statement.importClause?.name]) {
        if (whole !== undefined) local.set(whole.text, { path: pathOf(from), name: '*' });
      }
    } else if (ts.isExportDeclaration(statement)) {
      const elements = statement.exportClause?.elements ?? [{ name: { text: '*' } }];
      for (const { propertyName, name } of elements) {
        const source = (propertyName ?? name).text;
        const passed = from === undefined ? local.get(source) : { path: pathOf(from), name: source };
        if (passed !== undefined) found.passed.set(name.text, passed);
      }
    } else if (statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) {
      // export type Name = Taken; export const name = taken;
      const ofTypes = ts.isTypeAliasDeclaration(statement)
        ? [{ name: statement.name, alias: statement.type.typeName }]
        : [];
      const declared = statement.declarationList?.declarations ?? [];
      for (const { name, alias } of [
        ...ofTypes,
        ...declared.map((one) => ({ name: one.name, alias: one.initializer })),
      ]) {
        const passed = alias !== undefined && ts.isIdentifier(alias) ? local.get(alias.text) : undefined;
        if (passed !== undefined) found.passed.set(name.text, passed);
      }
    }
  }
  found.taken.push(...local.values());
  // import(…), typeof import(…), vi.mock(…), new URL(…): any text that is the path of a module from here
  const visit = (node) => {
    if (ts.isStringLiteralLike(node) && /^\.\.?\/.*\.[cm]?[jt]s$/.test(node.text)) {
      found.taken.push({ path: pathOf(node.text), name: '' });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The inner modules that each file takes, by itself or out of the hands of another file of test/. */
function deepImports(texts) {
  const files = new Map([...texts].map(([file, text]) => [file, read(file, text)]));
  const originsOf = (path, name, seen) => {
    if (path.startsWith('src/')) return isPublic.has(path) ? [] : [path];
    const key = `${path} ${name}`;
    const passed = files.get(path)?.passed ?? new Map();
    if (name === '' || seen.has(key)) return [];
    seen.add(key);
    const on = name === '*' ? [...passed.values()] : [passed.get(name), passed.get('*')];
    return on.flatMap((one) => {
      if (one === undefined) return [];
      return originsOf(one.path, one.name === '*' && !one.path.startsWith('src/') ? name : one.name, seen);
    });
  };
  const deep = new Map();
  for (const [file, { taken }] of files) {
    const modules = new Set(taken.flatMap(({ path, name }) => originsOf(path, name, new Set())));
    if (modules.size > 0) deep.set(file, [...modules].sort());
  }
  return deep;
}

const planted = deepImports(
  new Map([
    ['test/a/direct.test.ts', "import { sha256 } from '../../src/core/hash.ts';"],
    ['test/a/type.test.ts', "import type { Digest } from '../../src/core/hash.ts';"],
    ['test/a/of-type.test.ts', "let hash: typeof import('../../src/core/hash.ts');"],
    ['test/a/late.test.ts', "const { sha256 } = await import('../../src/core/hash.ts');"],
    ['test/a/mock.test.ts', "vi.mock('../../src/core/hash.ts');"],
    ['test/a/passed.test.ts', "import { digest } from '../support/all.ts';"],
    ['test/a/alias.test.ts', "import { hashOf } from '../support/passing.ts';"],
    ['test/a/type-alias.test.ts', "import type { Passed } from '../support/passing.ts';"],
    ['test/a/public.test.ts', "import { verify } from '../../src/index.ts';"],
    ['test/a/own.test.ts', "import { made, own } from '../support/passing.ts';"],
    ['test/support/all.ts', "export * from './passing.ts';"],
    [
      'test/support/passing.ts',
      "import { type Digest, sha256 } from '../../src/core/hash.ts'; export type Passed = Digest; export { sha256 as digest }; export const hashOf = sha256; export const own = () => sha256(''); export function made(): Digest {}",
    ],
  ]),
);
const problems = [];
for (const name of ['direct', 'type', 'of-type', 'late', 'mock', 'passed', 'alias', 'type-alias']) {
  if (!planted.has(`test/a/${name}.test.ts`)) problems.push(`the planted import of ${name}.test.ts was not seen`);
}
for (const name of ['public', 'own']) {
  if (planted.has(`test/a/${name}.test.ts`)) problems.push(`${name}.test.ts was taken for one with a deep import`);
}

const sources = filesBelow('test', /\.[cm]?[jt]s$/).filter((file) => !file.startsWith('test/fixtures/'));
const deep = deepImports(new Map(sources.map((file) => [file, readFileSync(root + file, 'utf8')])));
const listed = new Map(Object.entries(JSON.parse(readFileSync(`${root}test/deep-imports.json`, 'utf8'))));
for (const [file, modules] of deep) {
  if (!listed.has(file)) problems.push(`${file} imports ${modules.join(', ')}: take what the package exports`);
}
for (const [file, reason] of listed) {
  if (!deep.has(file)) problems.push(`test/deep-imports.json: ${file} has no deep import; take it off the list`);
  if (typeof reason !== 'string' || reason.length < 20) problems.push(`test/deep-imports.json: ${file} has no reason`);
}
const isTest = (file) => /\.test\.m?ts$/.test(file);
const tests = [...listed.keys()].filter(isTest).length;
for (const [what, count] of Object.entries({ tests, modules: listed.size - tests })) {
  if (count > limits[what]) problems.push(`test/deep-imports.json lists ${count} ${what}; ${limits[what]} are allowed`);
  if (count < limits[what]) problems.push(`only ${count} ${what} are listed: lower the limit to that number`);
}
report(
  problems,
  `${sources.length} files of test/: ${tests} tests and ${listed.size - tests} modules beside them import deep`,
);
