// What `import 'fapilog-tamper'` costs in a fresh process: every logging worker pays it once. Target: 30 ms more than an empty
// module. Beside it the cost of that, of `node:crypto` and of valibot, imported in the same way, and of the root of another build
// if its `dist` is given: on a busy machine the ratio is what can be compared. Run `npm run build` first.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { median } from './lib/median.mjs';

const ROUNDS = 11;
const TARGET_MS = 30;
const targets = {
  'the root': new URL('../dist/index.js', import.meta.url).href,
  'an empty module': 'data:text/javascript,export{}',
  'node:crypto': 'data:text/javascript,import "node:crypto"',
  valibot: import.meta.resolve('valibot'),
};
const [other] = process.argv.slice(2);
if (other !== undefined) targets['the root of the other build'] = pathToFileURL(resolve(other, 'index.js')).href;
const program = `
const start = performance.now();
const cpu = process.cpuUsage();
await import(process.argv[1]);
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ cpu: (user + system) / 1000, wall: performance.now() - start }));`;

function once(target) {
  const args = ['--input-type=module', '-e', program, target];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

once(targets['the root']); // fills the file cache
const rounds = Array.from({ length: ROUNDS }, () =>
  Object.fromEntries(Object.entries(targets).map(([name, target]) => [name, once(target)])),
);
for (const name of Object.keys(targets)) {
  const [cpu, wall] = ['cpu', 'wall'].map((kind) => median(rounds.map((round) => round[name][kind])).toFixed(1));
  console.log(`import of ${name}: median ${cpu} ms of CPU time, ${wall} ms by the clock`);
}
const least = (name) => Math.min(...rounds.map((round) => round[name].cpu));
const more = least('the root') - least('an empty module');
console.log(`the root at best: ${more.toFixed(1)} ms of CPU time more than an empty module, target ${TARGET_MS} ms`);
if (other !== undefined) {
  const ratio = least('the root of the other build') / least('the root');
  console.log(`the root of the other build at best: ${ratio.toFixed(2)} times as much`);
}
process.exitCode = more <= TARGET_MS ? 0 : 1;
