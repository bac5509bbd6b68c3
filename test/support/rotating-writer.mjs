// Seals lines and closes files as fast as it can until its input ends. argv: the package, its options as JSON, files to keep.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [from, text, keep] = process.argv.slice(2);
const options = JSON.parse(text);
const { createSealer } = await import(from);
const directory = dirname(options.file);
const sealer = createSealer(options);
sealer.on('warning', () => undefined);
let running = true;
process.stdin.on('end', () => {
  running = false;
});
process.stdin.resume();

/** As a retention job does: the oldest closed files go, each with its manifest. */
function prune() {
  const closed = readdirSync(directory).filter((name) => /^audit\.\d.*\.jsonl(\.gz)?$/.test(name));
  for (const name of closed.sort().slice(0, -Number(keep))) {
    rmSync(join(directory, name), { force: true });
    rmSync(join(directory, `${name.replace(/\.gz$/, '')}.manifest.json`), { force: true });
  }
}

let files = 0;
for (let n = 0; running; ) {
  for (let line = 0; line < 20; line++) sealer.write(`{"n":${n++},"pad":"${'x'.repeat(200)}"}`);
  await sealer.flush();
  await sealer.rotate();
  if (keep !== undefined) prune();
  if (++files === 3) process.stdout.write('ready\n');
  await new Promise((resolve) => setImmediate(resolve));
}
await sealer.close();
process.stdout.write(`${files} files\n`);
