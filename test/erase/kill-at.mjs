// Kills the process before its Nth call that changes a file: node --import ./test/erase/kill-at.mjs …, with N in KILL_AT.
// With KILL_AT=0 it says at the end how many calls there were.
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const at = Number(process.env.KILL_AT);
let calls = 0;

function struck(call) {
  return function (...given) {
    calls++;
    if (calls === at) process.kill(process.pid, 'SIGKILL');
    return call.apply(this, given);
  };
}

const handle = await promises.open(import.meta.filename);
const handles = Object.getPrototypeOf(handle);
for (const name of ['write', 'writeFile', 'sync', 'truncate']) handles[name] = struck(handles[name]);
await handle.close();
for (const name of ['open', 'rename', 'link', 'rm', 'chmod', 'unlink']) promises[name] = struck(promises[name]);
for (const name of [
  'openSync',
  'writeSync',
  'fsyncSync',
  'ftruncateSync',
  'renameSync',
  'linkSync',
  'rmSync',
  'write',
  'fsync',
])
  fs[name] = struck(fs[name]);
syncBuiltinESMExports();
if (at === 0) process.on('exit', () => console.error(`calls: ${calls}`));
