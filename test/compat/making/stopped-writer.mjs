// An application whose writer does not come to its end. argv: JSON.
//   library, options   what to import, and what the sealer gets
//   sealed, unsealed   lines before a checkpoint, and behind it
//   at                 a file of the state directory whose name contains this must be there before the end
//   closes             whether it closes, in vain or with losses; else it is killed
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const { library, options, sealed, unsealed, at, closes } = JSON.parse(process.argv[2]);
const { createSealer } = await import(library);
const sealer = createSealer(options);
const write = (lines) => {
  for (const line of lines) sealer.write(line);
};
const checkpoint = new Promise((resolve) => sealer.once('checkpoint', resolve));
write(sealed);
if (sealed.length > 0) await checkpoint;
write(unsealed);
while (at !== undefined && !readdirSync(options.stateDir).some((name) => name.includes(at))) await wait(20);
if (closes) {
  await sealer.close().catch((error) => {
    if (error.code !== 'PENDING_OVERFLOW') throw error; // which the scene is about
  });
  process.exit(0);
}
process.kill(process.pid, 'SIGKILL');
