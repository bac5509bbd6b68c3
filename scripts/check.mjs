// npm run check: every check that needs no test run. All of them run, also after one has failed.
import { readFileSync } from 'node:fs';
import { ensureInstalled } from './lib/install.mjs';
import { root, run } from './lib/run.mjs';

ensureInstalled();
const built = run(process.execPath, ['scripts/build.mjs']);
if (built !== 0) process.exit(built);

const order = [
  'typecheck',
  'lint',
  'format',
  'layers',
  'imports',
  'architecture',
  'unused',
  'exports',
  'links',
  'types',
  'root',
  'package',
  'spec',
  'deployment',
];
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const failed = [];
for (const name of order) {
  const script = scripts[name] === undefined ? `check:${name}` : name;
  console.log(`\n== ${name}`);
  const started = Date.now();
  const code = run('npm', ['run', '--silent', script], { shell: process.platform === 'win32' });
  console.log(`${code === 0 ? 'ok' : 'FAILED'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (code !== 0) failed.push(name);
}
console.log(
  `\nchecks: ${order.length - failed.length} passed, ${failed.length} failed${failed.map((name) => ` [${name}]`).join('')}`,
);
process.exit(failed.length === 0 ? 0 : 1);
