// The tree is the API: package.json `exports` and `typesVersions`, the built files, the public source files and the
// documentation must name the same subpaths.
import { existsSync, readFileSync } from 'node:fs';
import { filesBelow } from '../lib/files.mjs';
import { report, root } from '../lib/run.mjs';

const pkg = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const problems = [];

/** The subpath that a source file stands for; undefined for an internal one. */
function subpathOf(file) {
  if (file === 'src/index.ts') return '.';
  if (file === 'src/errors.ts') return './errors';
  const whole = /^src\/(keys|testing)\/index\.ts$/.exec(file);
  if (whole) return `./${whole[1]}`;
  const transport = /^src\/transports\/(pino|winston|opentelemetry)(\/index)?\.ts$/.exec(file);
  if (transport) return `./${transport[1]}`;
  const provider = /^src\/providers\/(env|file|aws-kms|gcp-kms|azure-keyvault|vault)(\/index)?\.ts$/.exec(file);
  return provider ? `./providers/${provider[1]}` : undefined;
}

const expected = new Map();
for (const file of filesBelow('src', /\.ts$/)) {
  const subpath = subpathOf(file);
  if (subpath !== undefined) expected.set(subpath, `./${file.replace(/^src/, 'dist').replace(/\.ts$/, '.js')}`);
}

const declared = new Map(Object.entries(pkg.exports).filter(([subpath]) => subpath !== './package.json'));
for (const [subpath, file] of expected) {
  if (!declared.has(subpath)) problems.push(`package.json exports lacks "${subpath}": "${file}"`);
  else if (declared.get(subpath) !== file)
    problems.push(`"${subpath}" should be "${file}", is "${declared.get(subpath)}"`);
}
for (const [subpath, file] of declared) {
  if (subpath.includes('*')) problems.push(`"${subpath}": spell each subpath out`);
  if (!expected.has(subpath)) problems.push(`"${subpath}" is exported and stands for no public source file`);
  for (const built of [file, file.replace(/\.js$/, '.d.ts')]) {
    if (!existsSync(root + built)) problems.push(`"${subpath}": ${built} was not built`);
  }
}

// TypeScript's old resolution knows no `exports`: `typesVersions` says the same to it.
const old = pkg.typesVersions?.['*'] ?? {};
for (const [subpath, file] of declared) {
  if (subpath === '.') continue;
  const types = old[subpath.slice(2)]?.[0];
  if (types !== file.replace(/\.js$/, '.d.ts')) problems.push(`typesVersions lacks "${subpath.slice(2)}"`);
}
for (const name of Object.keys(old)) {
  if (!declared.has(`./${name}`)) problems.push(`typesVersions names "${name}", exports does not`);
}
if (pkg.main !== declared.get('.')) problems.push('"main" and exports["."] differ');
if (pkg.types !== declared.get('.')?.replace(/\.js$/, '.d.ts'))
  problems.push('"types" does not belong to exports["."]');

// Documentation: every subpath is named somewhere, and nothing else is.
const pages = ['README.md', ...filesBelow('docs', /\.md$/)];
const named = new Map();
for (const page of pages) {
  for (const [, rest] of readFileSync(root + page, 'utf8').matchAll(
    /(?<![\w@/.-])fapilog-tamper(?!\/v\d)((?:\/[a-z][a-z0-9-]*)+)(?![\w/.@-])/g,
  )) {
    named.set(`.${rest}`, page);
  }
}
for (const subpath of declared.keys()) {
  if (subpath !== '.' && !named.has(subpath))
    problems.push(`no page in README.md or docs/ names fapilog-tamper${subpath.slice(1)}`);
}
for (const [subpath, page] of named) {
  if (!declared.has(subpath)) problems.push(`${page} names fapilog-tamper${subpath.slice(1)}, which is not exported`);
}

for (const [name, file] of Object.entries(pkg.bin ?? {})) {
  if (!existsSync(root + file)) problems.push(`bin ${name}: ${file} was not built`);
}
report(problems, `${declared.size} subpaths, ${pages.length} pages agree`);
