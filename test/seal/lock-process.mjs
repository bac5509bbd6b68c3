// Wants a stream's lock, and writes numbered lines while it has it. argv: dist, directory, settings.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const [dist, directory, text] = isMainThread ? process.argv.slice(2) : workerData;
const { instance, lease, me, inWorker } = JSON.parse(text);
const say = (line) => process.stdout.write(`${line}\n`);

if (isMainThread) {
  let worker;
  // what says nothing any more has no parent: nobody must write on
  createInterface({ input: process.stdin })
    .on('line', async () => {
      await worker?.terminate();
      say('terminated');
    })
    .on('close', () => process.exit(0));
  if (inWorker) worker = new Worker(new URL(import.meta.url), { workerData: [dist, directory, text] });
  else await write();
} else {
  await write();
}

async function write() {
  const { LockSeeker } = await import(join(dist, 'seal/disk/lock.js'));
  const { FileSink } = await import(join(dist, 'seal/disk/sink-file.js'));
  const seeker = new LockSeeker(join(directory, 'x'), instance, { lease, ...(me && { me }) });
  let lock;
  let looks = 0;
  try {
    for (lock = seeker.attempt(); lock === undefined; lock = seeker.attempt()) {
      looks++;
      await new Promise((resolve) => setTimeout(resolve, seeker.pause));
    }
  } catch (error) {
    say(`refused ${error.code}`);
    return;
  }
  const sink = new FileSink(join(directory, 'log'), { lease: lock });
  const until = (action) => {
    try {
      action();
    } catch (error) {
      clearInterval(renewals);
      clearInterval(lines);
      say(`lost ${error.code}`);
    }
  };
  let number = 0;
  const line = () => {
    const bytes = Buffer.from(`${instance} ${number++}\n`);
    sink.write(bytes, 0, bytes.length);
  };
  const renewals = setInterval(() => until(() => lock.renew()), seeker.renewal);
  const lines = setInterval(() => until(line), 1);
  until(line);
  say(`holds ${looks}`);
}
