// The declarations that users get, checked as users' compilers see them: the built package in an otherwise empty
// folder, no SDK and no logger installed, skipLibCheck off, under each way TypeScript resolves a package.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, root, tool } from './lib/run.mjs';

const pkg = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const subpaths = Object.keys(pkg.exports).filter((subpath) => subpath !== './package.json');
const names = subpaths.map((subpath) => pkg.name + subpath.slice(1));
const importAll = names
  .map((name, i) => `import * as m${i} from '${name}';\nexport const t${i}: typeof m${i} = m${i};\n`)
  .join('');
const requireAll = names
  .map((name, i) => `import m${i} = require('${name}');\nexport const t${i}: typeof m${i} = m${i};\n`)
  .join('');

const shared = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', lib: ['es2023'], types: ['node'] };
const modes = [
  { name: 'nodenext, ESM', file: 'esm.mts', text: importAll, options: { module: 'nodenext' } },
  { name: 'nodenext, CommonJS', file: 'cjs.cts', text: requireAll, options: { module: 'nodenext' } },
  { name: 'node16, ESM', file: 'esm16.mts', text: importAll, options: { module: 'node16' } },
  {
    name: 'bundler',
    file: 'bundler.ts',
    text: importAll,
    options: { module: 'preserve', moduleResolution: 'bundler' },
  },
  {
    name: 'node10 with typesVersions, CommonJS',
    file: 'old.ts',
    text: requireAll,
    options: { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
    compiler: 'tsc6', // TypeScript 7 has dropped this resolution
  },
];

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-types-'));
const problems = [];
try {
  const installed = join(folder, 'node_modules');
  mkdirSync(join(installed, '@types'), { recursive: true });
  mkdirSync(join(installed, pkg.name));
  for (const part of ['package.json', 'dist', 'src'])
    cpSync(root + part, join(installed, pkg.name, part), { recursive: true });
  for (const name of ['@types/node', 'undici-types', ...Object.keys(pkg.dependencies)]) {
    mkdirSync(join(installed, name, '..'), { recursive: true });
    symlinkSync(`${root}node_modules/${name}`, join(installed, name));
  }
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  for (const { name, file, text, options, compiler = 'tsc' } of modes) {
    writeFileSync(join(folder, file), text);
    const config = join(folder, `${file}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions: { ...shared, ...options }, files: [file] }));
    const { status, stdout, error } = spawnSync(tool(compiler), ['-p', config], { cwd: folder, encoding: 'utf8' });
    if (error) throw error;
    if (status !== 0) problems.push(`${name}:\n${stdout.trim()}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report(problems, `${names.length} subpaths under ${modes.map(({ name }) => name).join('; ')}`);
