// Preloaded: each fsync takes SLOW_FSYNC milliseconds, as on a disk that is busy with something else.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const ms = Number(process.env.SLOW_FSYNC);
const cell = new Int32Array(new SharedArrayBuffer(4));
for (const name of ['fsync', 'fdatasync']) {
  const later = fs[name];
  fs[name] = (fd, done) => void setTimeout(later, ms, fd, done);
  const now = fs[`${name}Sync`];
  fs[`${name}Sync`] = (fd) => {
    Atomics.wait(cell, 0, 0, ms);
    now(fd);
  };
}
syncBuiltinESMExports();
