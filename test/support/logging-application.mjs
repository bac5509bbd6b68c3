// An application that logs with pino and ends in some way. argv: JSON of what it is to do.
//   library, pino   modules
//   where           worker: pino.transport | in-process: pino(createSealer(…))
//   options         of the sealer
//   lines           how many to log; the first half is flushed where that comes in 3 seconds
//   end             natural | exit | throw | sigterm-handled | sigterm | sigkill
// It says on standard output what it did, one JSON object a line, by a call of the system.
import { writeSync } from 'node:fs';

const task = JSON.parse(process.argv[2]);
const say = (what) => writeSync(1, `${JSON.stringify(what)}\n`);
const { pino } = await import(task.pino);
const { closeOnSignals, createSealer } = await import(`${task.library}/index.js`);

const sealer = task.where === 'in-process' ? createSealer(task.options) : undefined;
const transport =
  sealer ?? pino.transport({ target: `${task.library}/transports/pino/index.js`, options: task.options });
const log = pino({ base: null, timestamp: false }, transport);
if (task.end === 'sigterm-handled') {
  if (sealer === undefined) process.once('SIGTERM', () => process.exit(0));
  else closeOnSignals(sealer, ['SIGTERM']);
}
let given = 0;
const write = (to) => {
  while (given < to) log.info({ n: given++, pad: 'x'.repeat(200) });
};
write(task.lines / 2);
const flushed = await Promise.race([
  new Promise((resolve) => log.flush((error) => resolve(error ?? true))),
  new Promise((resolve) => setTimeout(resolve, 3_000, 'late')),
]);
if (flushed === true) say({ acknowledged: given });
write(task.lines);
say({ given, at: Date.now() });
if (task.end === 'exit') process.exit(0);
if (task.end === 'throw') throw new Error('an error that nobody catches');
if (task.end === 'sigterm' || task.end === 'sigterm-handled') process.kill(process.pid, 'SIGTERM');
if (task.end === 'sigkill') process.kill(process.pid, 'SIGKILL');
if (task.end.startsWith('sig')) setInterval(() => undefined, 1_000); // the signal ends it
