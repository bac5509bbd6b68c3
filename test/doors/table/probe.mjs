// node --import ./probe.mjs PROGRAM: says in the file PROBE, over and over, what its process has taken up to then.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const path = process.env.PROBE;
delete process.env.PROBE; // not for processes that it starts
const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();
function say() {
  // the same file is read meanwhile
  writeFileSync(`${path}.next`, JSON.stringify({ blockMs: Math.round(delays.max / 1e6), at: Date.now() }));
  renameSync(`${path}.next`, path);
}
setInterval(say, 50).unref();
process.on('exit', say);
