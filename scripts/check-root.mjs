// What `import 'fapilog-tamper'` loads, on the built files: static imports are followed from dist/index.js. It must
// reach no SDK, no logger and no provider of a key service; those are loaded on first use. An argument names another file.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { report, root } from './lib/run.mjs';

const statement = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]/g;
const bare = /(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

const seen = new Map();
const packages = new Map();
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
      else if (!target.startsWith('node:') && !builtinModules.includes(target))
        packages.set(target, relative(root, file));
    }
  }
}
follow(process.argv[2] === undefined ? `${root}dist/index.js` : resolve(process.argv[2]));

const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
for (const [name, file] of packages) {
  const known = Object.keys(dependencies).some(
    (dependency) => name === dependency || name.startsWith(`${dependency}/`),
  );
  if (!known) problems.push(`${file} loads ${name} with the package root`);
}
const services = /^dist\/(providers\/(aws-kms|gcp-kms|azure-keyvault|vault)|cli|testing)[/.]/;
for (const file of seen.keys()) {
  if (services.test(relative(root, file))) problems.push(`${relative(root, file)} is loaded with the package root`);
}
const size = [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
report(
  problems,
  `root loads ${seen.size} files, ${(size / 1024).toFixed(1)} KiB, packages: ${[...packages.keys()].join(', ') || 'none'}`,
);
