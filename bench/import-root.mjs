// How long `import 'fapilog-tamper'` takes in a fresh process: every logging worker pays it once. Target: <= 30 ms.
// Beside it, the cost of importing an empty module in the same way. Run `npm run build` first.
import { execFileSync } from 'node:child_process';

const root = new URL('../dist/index.js', import.meta.url).href;
const empty = 'data:text/javascript,export{}';
const program = 'const t=performance.now();await import(process.argv[1]);console.log(performance.now()-t)';
const args = (target) => ['--input-type=module', '-e', program, target];
const once = (target) => Number(execFileSync(process.execPath, args(target), { encoding: 'utf8' }));

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

once(root); // fills the file cache
const rounds = Array.from({ length: 15 }, () => ({ root: once(root), empty: once(empty) }));
const rootMs = median(rounds.map((round) => round.root));
const emptyMs = median(rounds.map((round) => round.empty));
console.log(
  `import of the root: median ${rootMs.toFixed(1)} ms, an empty module ${emptyMs.toFixed(1)} ms, target 30 ms`,
);
process.exitCode = rootMs <= 30 ? 0 : 1;
