// Seals lines and closes files as fast as it can, so many for each byte of its input; each file is a byte of its output.
// argv: the package, its options as JSON, how many files for a byte, how many to begin with, how many to keep (default: all).
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const [from, text, share, beginning, keep] = process.argv.slice(2);
const options = JSON.parse(text);
const { createSealer } = await import(from);
const directory = dirname(options.file);
const sealer = createSealer(options);
sealer.on('warning', () => undefined);
let running = true;
let left = Number(beginning);
process.stdin.on('data', (bytes) => {
  left += bytes.length * Number(share);
});
process.stdin.on('end', () => {
  running = false;
});

/** As a retention job does: the oldest closed files go, each with its manifest. */
function prune() {
  const closed = readdirSync(directory).filter((name) => /^audit\.\d.*\.jsonl(\.gz)?$/.test(name));
  for (const name of closed.sort().slice(0, -Number(keep))) {
    rmSync(join(directory, name), { force: true });
    rmSync(join(directory, `${name.replace(/\.gz$/, '')}.manifest.json`), { force: true });
  }
}

for (let n = 0; running; ) {
  if (left === 0) {
    await setTimeout(1);
    continue;
  }
  left--;
  for (let line = 0; line < 20; line++) sealer.write(`{"n":${n++},"pad":"${'x'.repeat(200)}"}`);
  await sealer.flush();
  await sealer.rotate();
  if (keep !== undefined) prune();
  process.stdout.write('.');
}
await sealer.close();
