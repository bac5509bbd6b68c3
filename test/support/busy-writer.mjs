// An application that logs without end, for tests of what a machine does to it. argv: JSON of what it is to do.
//   library   the package's entry
//   options   of the sealer
//   first     the number of the first line
//   burst     how many lines it writes in one turn of the event loop
//   pause     milliseconds between two bursts
//   heeds     whether it waits for `drain` where write() asks for that
// It says by messages what it did, and closes its log when it is sent one.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const { library, options, first, burst, pause, heeds } = JSON.parse(process.argv[2]);
const { createSealer } = await import(library);
const say = (what) => process.connected && process.send(what);

let sealer;
try {
  sealer = createSealer(options);
} catch ({ code, message }) {
  await new Promise((resolve) => process.send({ refused: code, message }, resolve));
  process.exit(3);
}
let given = first;
let isOver = false;
const told = new Promise((resolve) => process.once('message', resolve)).then(() => {
  isOver = true;
});
sealer.on('warning', ({ code, message }) => say({ warning: code, message }));
sealer.on('kept', ({ lines, lost }) => say({ kept: lines, lost }));
sealer.on('error', ({ code, message }) => {
  isOver = true; // what is written from here on is kept at best
  say({ error: code, message });
});
sealer.on('outage', () => say({ outage: true }));
sealer.on('outageOver', () => say({ outage: false }));

async function acknowledge() {
  for (let from = first; !isOver; await delay(2)) {
    const to = given;
    const isThere = await sealer.flush().then(
      () => true,
      () => false, // something before is lost, and counted
    );
    if (isThere) say({ acknowledged: [from, to] });
    from = to;
  }
}
void acknowledge();

setInterval(() => say({ waitsFor: sealer.stats.waitsFor ?? null }), 20).unref(); // a warning is not repeated soon

const padding = 'x'.repeat(200);
while (!isOver) {
  for (let line = 0; line < burst && !isOver; line++) {
    const hasRoom = sealer.write(`{"n":${given},"pad":"${padding.slice(given % 200)}"}`);
    given++;
    if (!hasRoom && heeds) await Promise.race([once(sealer, 'drain').catch(() => undefined), told]);
  }
  await Promise.race([delay(pause), told]);
}
await told;
const end = await sealer.close().then(
  () => ({ closed: true }),
  ({ code }) => ({ closed: false, code }),
);
const { records, dropped, kept, uncounted } = sealer.stats;
say({ ...end, given: given - first, stats: { records, dropped, kept, uncounted } });
process.disconnect();
