// What `import 'fapilog-tamper'` costs in a fresh process: every logging worker pays it once. Target: 30 ms. Beside it the
// cost of an empty module, of `node:crypto` and of valibot, imported in the same way. Run `npm run build` first.
import { execFileSync } from 'node:child_process';

const ROUNDS = 11;
const TARGET_MS = 30;
const targets = {
  'the root': new URL('../dist/index.js', import.meta.url).href,
  'an empty module': 'data:text/javascript,export{}',
  'node:crypto': 'data:text/javascript,import "node:crypto"',
  valibot: import.meta.resolve('valibot'),
};
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

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

once(targets['the root']); // fills the file cache
const rounds = Array.from({ length: ROUNDS }, () =>
  Object.fromEntries(Object.entries(targets).map(([name, target]) => [name, once(target)])),
);
for (const name of Object.keys(targets)) {
  const [cpu, wall] = ['cpu', 'wall'].map((kind) => median(rounds.map((round) => round[name][kind])).toFixed(1));
  console.log(`import of ${name}: median ${cpu} ms of CPU time, ${wall} ms by the clock`);
}
const least = Math.min(...rounds.map((round) => round['the root'].cpu));
console.log(`the root at best: ${least.toFixed(1)} ms of CPU time, target ${TARGET_MS} ms`);
process.exitCode = least <= TARGET_MS ? 0 : 1;
