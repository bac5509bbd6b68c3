// A cluster of four processes, each with a log of its own, of which now and then one is killed and replaced. argv: JSON.
//   library, pino   modules
//   options         of each sealer; `file` and `origin` end in the worker's slot
//   rounds          how many are killed
// It says on standard output how many lines each slot was told to be durable.
import cluster from 'node:cluster';
import { writeSync } from 'node:fs';

const task = JSON.parse(process.argv[2]);
const SLOTS = 4;
if (cluster.isPrimary) await lead();
else await work(process.env.SLOT);

async function lead() {
  const workers = new Map();
  const durable = new Map();
  const fork = (slot) => {
    const worker = cluster.fork({ SLOT: String(slot) });
    worker.on('message', () => durable.set(slot, (durable.get(slot) ?? 0) + 1));
    workers.set(slot, worker);
    return new Promise((resolve) => worker.once('online', resolve));
  };
  for (let slot = 0; slot < SLOTS; slot++) await fork(slot);
  for (let round = 0; round < task.rounds; round++) {
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 300));
    const slot = Math.floor(Math.random() * SLOTS);
    const worker = workers.get(slot);
    const gone = new Promise((resolve) => worker.process.once('exit', resolve));
    worker.process.kill('SIGKILL');
    await gone;
    await fork(slot);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const ends = [...workers.values()].map((worker) => new Promise((resolve) => worker.process.once('exit', resolve)));
  for (const worker of workers.values()) worker.process.kill('SIGTERM');
  await Promise.all(ends);
  writeSync(1, JSON.stringify([...durable].sort(([one], [other]) => one - other).map(([, count]) => count)));
  process.exit(0);
}

async function work(slot) {
  const { pino } = await import(task.pino);
  const options = {
    ...task.options,
    file: `${task.options.file}-${slot}.jsonl`,
    origin: `${task.options.origin}/${slot}`,
  };
  const transport = pino.transport({ target: `${task.library}/transports/pino/index.js`, options });
  const log = pino(transport);
  process.once('SIGTERM', () => process.exit(0));
  for (let n = 0; ; n++) {
    log.info({ id: `${process.pid}-${n}` });
    await new Promise((resolve) => log.flush(resolve));
    process.send(n); // that line is in the log
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
