// The declarations that users get, checked as users' compilers see them: the built package in an otherwise empty
// folder, skipLibCheck off, under each way TypeScript resolves a package, with the oldest and the newest @types/node. No SDK
// and no logger is installed, but for the one subpath that needs it.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, root, tool } from '../lib/run.mjs';

const pkg = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const subpaths = Object.keys(pkg.exports).filter((subpath) => subpath !== './package.json');
const all = subpaths.map((subpath) => pkg.name + subpath.slice(1));
const needsWinston = `${pkg.name}/winston`;

const importAll = (names) =>
  names.map((name, i) => `import * as m${i} from '${name}';\nexport const t${i}: typeof m${i} = m${i};\n`).join('');
const requireAll = (names) =>
  names.map((name, i) => `import m${i} = require('${name}');\nexport const t${i}: typeof m${i} = m${i};\n`).join('');
const importAllLater = (names) =>
  names.map((name, i) => `export const t${i} = async () => (await import('${name}')) satisfies object;\n`).join('');

const shared = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', lib: ['es2023'], types: ['node'] };
const modes = [
  { name: 'nodenext, ESM', file: 'esm.mts', text: importAll, options: { module: 'nodenext' } },
  { name: 'nodenext, CommonJS', file: 'cjs.cts', text: requireAll, options: { module: 'nodenext' } },
  { name: 'nodenext, CommonJS that imports', file: 'cjs-import.cts', text: importAll, options: { module: 'nodenext' } },
  { name: 'node20, CommonJS that imports', file: 'cjs20.cts', text: importAll, options: { module: 'node20' } },
  { name: 'node16, ESM', file: 'esm16.mts', text: importAll, options: { module: 'node16' } },
  // This mode refuses require() of an ES module, and an import that becomes one (TS1479).
  { name: 'node16, CommonJS', file: 'cjs16.cts', text: importAllLater, options: { module: 'node16' } },
  {
    name: 'bundler',
    file: 'bundler.ts',
    text: importAll,
    options: { module: 'preserve', moduleResolution: 'bundler' },
  },
  {
    name: 'bundler, CommonJS',
    file: 'bundler.cts',
    text: requireAll,
    options: { module: 'preserve', moduleResolution: 'bundler' },
  },
  {
    name: 'bundler, esnext',
    file: 'bundler-esnext.ts',
    text: importAll,
    options: { module: 'esnext', moduleResolution: 'bundler' },
  },
  {
    name: 'node10 with typesVersions, CommonJS',
    file: 'old.ts',
    text: requireAll,
    options: { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
    compiler: 'tsc6', // TypeScript 7 has dropped this resolution
  },
];
/** What is installed: a version of @types/node, and the peer of one subpath or not. */
const installations = [
  { types: '@types/node', peers: [], names: all.filter((name) => name !== needsWinston) },
  { types: '@types/node-newest', peers: ['winston-transport'], names: all },
];

const problems = [];
for (const { types, peers, names } of installations) {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-types-'));
  try {
    install(folder, types, peers);
    for (const { name, file, text, options, compiler = 'tsc' } of modes) {
      writeFileSync(join(folder, file), text(names));
      const config = join(folder, `${file}.json`);
      writeFileSync(config, JSON.stringify({ compilerOptions: { ...shared, ...options }, files: [file] }));
      const { status, stdout, error } = spawnSync(tool(compiler), ['-p', config], { cwd: folder, encoding: 'utf8' });
      if (error) throw error;
      if (status !== 0) problems.push(`${name}, ${types}:\n${stdout.trim()}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
report(problems, `${all.length} subpaths under ${modes.map(({ name }) => name).join('; ')}`);

function install(folder, types, peers) {
  const installed = join(folder, 'node_modules');
  mkdirSync(join(installed, pkg.name), { recursive: true });
  for (const part of ['package.json', 'dist'])
    cpSync(root + part, join(installed, pkg.name, part), { recursive: true });
  const link = (name, from = name) => {
    mkdirSync(join(installed, name, '..'), { recursive: true });
    symlinkSync(`${root}node_modules/${from}`, join(installed, name));
  };
  link('@types/node', types);
  for (const name of [...Object.keys(pkg.dependencies), ...peers]) link(name);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
}
