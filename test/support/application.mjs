// An application that logs and ends in some way, for tests of what becomes of its lines. argv: JSON of what it is to do.
//   library   the package's entry
//   options   of the sealer; the key is a file
//   key       ok | away: from the start | later: away when half of the lines are written
//   first     the number of the first line; default 0
//   lines     how many to write; the first half is flushed where that is possible
//   pad       bytes of padding in each line
//   atOnce    end in the turn of the event loop that writes the last line
//   filler    a file that fills the disk when half of the lines are written
//   end       none | stay | close | exit | throw | signal | handled-signal | terminate | kill
// It says on standard output what it did, one JSON object a line.
import { closeSync, openSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const task = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const say = (what) => writeSync(1, `${JSON.stringify(what)}\n`);
const turn = () => new Promise((resolve) => setImmediate(resolve));

if (task.end === 'terminate' && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  worker.on('message', () => void worker.terminate());
} else await run();

function fill(path) {
  const fd = openSync(path, 'w');
  for (let size = 65_536; size > 0; ) {
    try {
      writeSync(fd, Buffer.alloc(size));
    } catch {
      size = Math.floor(size / 2); // full for so much; a smaller piece may fit
    }
  }
  closeSync(fd);
}

/** The file's provider, behind a service that can be away. */
function behindService(TamperError, provider, state) {
  const guarded = new Set(['getKey', 'getSigningKey', 'sign', 'signBatch', 'rotateCheck']);
  return new Proxy(provider, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args) => {
        if (guarded.has(name) && state.away) throw new TamperError('UNAVAILABLE', 'away', { retryable: true });
        return value.apply(target, args);
      };
    },
  });
}

async function run() {
  const { closeOnSignals, createKeyProvider, createSealer, TamperError } = await import(task.library);
  const state = { away: task.key === 'away' };
  const provider = await createKeyProvider(task.options);
  const sealer = createSealer({ ...task.options, keyProvider: behindService(TamperError, provider, state) });
  say({ begun: true });
  sealer.on('kept', ({ lines, lost }) => say({ kept: lines, lost }));
  if (task.end === 'handled-signal') closeOnSignals(sealer);
  const pad = 'x'.repeat(task.pad ?? 0);
  let given = 0;
  const write = (to) => {
    while (given < to) sealer.write(`{"n":${(task.first ?? 0) + given++},"pad":"${pad}"}`);
  };
  write(Math.floor(task.lines / 2));
  if (task.key !== 'away' && task.options.maxLineBytes === undefined) {
    await Promise.race([sealer.flush(), new Promise((resolve) => setTimeout(resolve, 3_000, 'late'))]).then(
      (late) => late ?? say({ acknowledged: given }),
      ({ code }) => say({ flush: code }),
    );
  }
  if (task.filler !== undefined) fill(task.filler);
  state.away ||= task.key === 'later';
  write(task.lines);
  for (let n = 0; n < 3 && !task.atOnce; n++) await turn();
  say({ given });
  if (task.end === 'close') {
    await sealer.close().then(
      () => say({ closed: true }),
      ({ code, lines }) => say({ closed: false, code, lines }),
    );
    say({ stats: sealer.stats });
  }
  if (task.end === 'stay') setInterval(() => undefined, 1_000);
  if (task.end === 'exit') process.exit(0);
  if (task.end === 'throw')
    setImmediate(() => {
      throw new Error('an error that nobody catches');
    });
  if (task.end === 'signal' || task.end === 'handled-signal') process.kill(process.pid, 'SIGTERM');
  if (task.end === 'kill') process.kill(process.pid, 'SIGKILL');
  if (task.end === 'terminate') parentPort.postMessage('now');
}
