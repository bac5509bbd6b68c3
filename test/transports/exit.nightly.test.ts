import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createKeyProvider, createSealer, type KeyProvider } from '../../src/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { logPlace } from './log-place.ts';

type Place = ReturnType<typeof logPlace>;

/** Every way for an application to end, with every way for a key service to answer, in pino's worker and without it. */
const KEY_SERVICES = ['0', '50', '2000', '12000', 'away', 'refused', 'hole'] as const;
const ENDS = ['natural', 'exit', 'throw', 'sigterm-handled', 'sigterm', 'sigkill'] as const;
const PLACES = ['worker', 'in-process'] as const;
const LINES = 1_000;
/** How long an end may take, in milliseconds: 5 seconds are promised, and this machine may be busy. */
const END_LIMIT = 9_000;
/** A call that is on its way keeps a process alive that comes to its natural end, as any open request does. */
const CALL = 12_000;

const program = fileURLToPath(new URL('../support/logging-application.mjs', import.meta.url));
const slowFsync = new URL('../support/slow-fsync.mjs', import.meta.url).href;
const keyService = fileURLToPath(new URL('../support/key-service.mjs', import.meta.url));
const pino = pathToFileURL(fileURLToPath(new URL('../../node_modules/pino/pino.js', import.meta.url))).href;

const ofKeyService = { keySource: 'custom', keyProviderModule: keyService, keyId: 'default' } as const;
const ofPlace = ({ options: { file, origin, stateDir } }: Place) => ({ file, origin, stateDir, ...ofKeyService });

let built: BuiltPackage;
let auditor: KeyProvider;
beforeAll(async () => {
  built = await buildPackage();
  const keyFile = join(built.directory, 'audit.key');
  writeFileSync(keyFile, 'ab'.repeat(32), { mode: 0o600 }); // the key of every place
  process.env['LIBRARY'] = join(built.directory, 'dist/index.js');
  process.env['KEY_FILE'] = keyFile;
  process.env['KEY_SERVICE'] = 'ok';
  auditor = await createKeyProvider(ofKeyService);
});
afterAll(async () => {
  await auditor.close();
  built.remove();
});

interface Said {
  readonly acknowledged?: number;
  readonly given?: number;
  readonly at?: number;
}

async function run(where: string, end: string, service: string, place: Place): Promise<Said & { ms: number }> {
  const options = ofPlace(place);
  const library = join(built.directory, 'dist');
  const task = { library, pino, where, options, lines: LINES, end };
  const env = { ...process.env, KEY_SERVICE: service };
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const tooLong = setTimeout(() => child.kill('SIGKILL'), 60_000);
  await once(child, 'close');
  clearTimeout(tooLong);
  const said: Said = Object.assign(
    {},
    ...out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
  if (said.given === undefined) throw new Error(`the application did not come to its end: ${err.slice(0, 2_000)}`);
  return { ...said, ms: Date.now() - (said.at ?? 0) };
}

const cases = PLACES.flatMap((where) =>
  ENDS.flatMap((end) => KEY_SERVICES.map((service) => ({ where, end, service }))),
);

it.concurrent.for(cases)(
  '$where, ends by $end, the key service answers: $service',
  async ({ where, end, service }, { onTestFinished }) => {
    const place = logPlace(onTestFinished);
    const { acknowledged = 0, ms } = await run(where, end, service, place);
    const waitsForCall = where === 'in-process' && end === 'natural' && service === String(CALL);
    expect(ms).toBeLessThan(waitsForCall ? END_LIMIT + CALL : END_LIMIT);
    const next = createSealer(ofPlace(place)); // it seals what was kept, and signs what was not
    await next.flush();
    await next.close();
    const numbers = (await place.records()).map((line) => JSON.parse(line).n);
    const isAsked = end !== 'sigterm' && end !== 'sigkill';
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => n)); // in order, each once, no hole
    if (isAsked) expect(numbers).toHaveLength(LINES);
    else expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
    expect(await place.verdict(auditor)).toBe('ok');
  },
);

/** pino ends its worker 10 seconds after the application's end, and says nothing of it: what waits must be on the disk by then. */
it.concurrent.for([
  { fsync: 100, lines: 1, end: '' },
  { fsync: 1_000, lines: 1, end: '' },
  { fsync: 4_000, lines: 1, end: '' },
  { fsync: 11_000, lines: 1, end: '' },
  { fsync: 300, lines: 1_000, end: 'process.exit();' },
  { fsync: 1_000, lines: 1_000, end: 'process.exit();' }, // a change of file takes eight of them
])(
  'worker, each fsync takes $fsync ms, $lines lines, then $end: all are in the log, or kept',
  async ({ fsync, lines, end }, { onTestFinished }) => {
    const place = logPlace(onTestFinished);
    const options = { ...place.options, rotateMaxBytes: 40_000 };
    const transport = { target: join(built.directory, 'dist/transports/pino/index.js'), options };
    const script = join(place.directory, 'application.mjs');
    writeFileSync(
      script,
      `import pino from ${JSON.stringify(pino)};
      const log = pino({ transport: ${JSON.stringify(transport)} });
      for (let n = 0; n < ${lines}; n++) log.info({ n });
      ${end}`,
    );
    const env = { ...process.env, NODE_OPTIONS: `--import=${slowFsync}`, SLOW_FSYNC: String(fsync) };
    await promisify(execFile)(process.execPath, [script], { env });
    const next = createSealer(options);
    await next.flush();
    await next.close();
    const numbers = (await place.records()).map((line) => JSON.parse(line).n);
    expect(numbers).toEqual(Array.from({ length: lines }, (_, n) => n));
    expect(await place.verdict()).toBe('ok');
  },
);
