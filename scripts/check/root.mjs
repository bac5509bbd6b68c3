// What `import 'fapilog-tamper'` loads, on the built files: static imports are followed from dist/index.js. It must
// reach no SDK, no logger and no provider of a key service; those are loaded on first use. Every logging worker pays for
// what is loaded, and no test can rely on the clock: files, bytes and modules of Node.js are bounded here instead. An argument
// names another file.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { report, root } from '../lib/run.mjs';

/** Half a millisecond each. */
const MOST_FILES = 4;
/** Without comments. 20 KiB are about a millisecond. Three KiB are what root.js and writer.js name to each other. */
const MOST_KIB = 353;
/** Those that a sealer needs before its first line. Others, such as `node:http`, load dozens of modules: import() them. */
const BUILTINS = new Set(
  ['crypto', 'diagnostics_channel', 'events', 'fs', 'fs/promises', 'os', 'path', 'stream', 'util', 'util/types'].map(
    (name) => `node:${name}`,
  ),
);

const statement = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]/g;
const bare = /(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

const seen = new Map();
const packages = new Map();
const builtins = new Map();
const problems = [];

function follow(file) {
  if (seen.has(file)) return;
  if (!existsSync(file)) {
    problems.push(`${relative(root, file)} does not exist`);
    return;
  }
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  seen.set(file, text.length);
  for (const pattern of [statement, bare]) {
    for (const [, target] of text.matchAll(pattern)) {
      if (target.startsWith('.')) follow(join(dirname(file), target));
      else if (target.startsWith('node:') || builtinModules.includes(target))
        builtins.set(target, relative(root, file));
      else packages.set(target, relative(root, file));
    }
  }
}

/** The source files that a built file was made of. */
function sourcesOf(file) {
  if (!existsSync(`${file}.map`)) return [];
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
  return sources.map((source) => relative(root, join(dirname(file), source)));
}

follow(process.argv[2] === undefined ? `${root}dist/index.js` : resolve(process.argv[2]));

const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
for (const [name, file] of packages) {
  const known = Object.keys(dependencies).some(
    (dependency) => name === dependency || name.startsWith(`${dependency}/`),
  );
  if (!known) problems.push(`${file} loads ${name} with the package root`);
}
for (const [name, file] of builtins) {
  if (!BUILTINS.has(name)) problems.push(`${file} loads ${name} with the package root`);
}
const services = /^src\/(providers\/(aws-kms|gcp-kms|azure-keyvault|vault)|cli|testing)[/.]/;
const sources = new Set([...seen.keys()].flatMap(sourcesOf));
for (const source of sources) {
  if (services.test(source)) problems.push(`${source} is loaded with the package root`);
}
if (seen.size > MOST_FILES) {
  const names = [...seen.keys()].map((file) => relative(root, file));
  problems.push(
    `the package root loads ${seen.size} files, and at most ${MOST_FILES} are allowed: ${names.join(', ')}`,
  );
}
const size = [...seen.values()].reduce((sum, bytes) => sum + bytes, 0) / 1024;
if (size > MOST_KIB)
  problems.push(`the package root loads ${size.toFixed(1)} KiB, and at most ${MOST_KIB} are allowed`);
report(
  problems,
  `root loads ${seen.size} files of ${sources.size} modules, ${size.toFixed(1)} KiB, packages: ${[...packages.keys()].join(', ') || 'none'}`,
);
