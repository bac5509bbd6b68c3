import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, closeOnSignals, generateKeyFile, verify } from '../../src/index.ts';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';
import { start, workplace } from './workplace.ts';

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

/** A service that answers slowly; how it listens for the signal is the test's. It signals itself while a request is open. */
const service = (listen: string, answer: number): string => `
import { createServer, get } from 'node:http';
import { auditorKeys, closeOnSignals, createSealer } from './dist/index.js';
const [first, second] = JSON.parse(process.argv[2]).map((options) => createSealer(options));
const server = createServer((request, response) => {
  first.write('{"msg":"began"}');
  setTimeout(() => {
    first.write('{"msg":"answered"}');
    second?.write('{"msg":"answered"}');
    response.end('done');
  }, ${answer});
  setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);
}).listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, agent: false }, (response) => {
    response.on('data', (data) => console.log(String(data))).on('end', () => console.log('end'));
  }).on('error', ({ code }) => console.log(code));
});
const stop = () => server.close();
${listen}
`;

async function run(
  listen: string,
  logs: number,
  answer: number,
): Promise<{ said: string[]; code: number | null; verdicts: unknown[] }> {
  const { directory } = workplace();
  await generateKeyFile(join(directory, 'key'), 'Ed25519');
  const options = Array.from({ length: logs }, (_, at) => ({
    file: join(directory, `${at}.jsonl`),
    stateDir: join(directory, 'state'),
    origin: `audit.example.com/${at}`,
    keySource: 'file',
    keyFilePath: join(directory, 'key'),
    algorithm: 'Ed25519',
  }));
  const name = `service-${Buffer.from(directory).toString('hex').slice(-24)}.mjs`;
  const program = join(built.directory, writeProgram(built, name, service(listen, answer)));
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => said.push(line));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const keys = auditorKeys({ publicKeyFiles: [join(directory, 'key.pub')] });
  const verdicts = await Promise.all(
    options.map(async ({ file, origin }) => {
      const report = await verify({ paths: [file], origin, keys });
      return [report.verdict, readFileSync(file, 'utf8').match(/"msg":"\w+"/g)?.length ?? 0];
    }),
  );
  return { said: signal === null ? said : [...said, signal], code, verdicts };
}

describe('closeOnSignals', () => {
  it('leaves the signals alone again when nobody needs them any more', () => {
    const before = process.listenerCount('SIGTERM');
    const forget = closeOnSignals(start(workplace().options()));
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    forget();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it.each([
    ['once, before', "process.once('SIGTERM', stop); closeOnSignals(first);"],
    ['once, after', "closeOnSignals(first); process.once('SIGTERM', stop);"],
    ['on, before', "process.on('SIGTERM', stop); closeOnSignals(first);"],
    ['on, after', "closeOnSignals(first); process.on('SIGTERM', stop);"],
  ])(
    'lets an application that listens itself (%s) end its requests, and closes the log behind them',
    async (_, listen) => {
      expect(await run(listen, 1, 300)).toEqual({ said: ['done', 'end'], code: 0, verdicts: [['ok', 2]] });
    },
  );

  it('closes several logs of a process before the signal ends it', async () => {
    const listen = 'closeOnSignals(first); closeOnSignals(second); second.write(\'{"msg":"began"}\');';
    const { said, code, verdicts } = await run(listen, 2, 3_600_000);
    expect({ said, code, verdicts }).toEqual({ said: ['SIGTERM'], code: null, verdicts: Array(2).fill(['ok', 1]) });
  });
});

describe('a sealer that has ended', () => {
  it('rejects flush() and rotate() at once, also after a line that came too late', async () => {
    const sealer = start(workplace().options());
    sealer.write('{"n":1}');
    await sealer.close();
    sealer.write('{"late":1}');
    for (const asked of [sealer.flush(), sealer.rotate(), sealer.reopen()])
      await expect(asked).rejects.toMatchObject({ code: 'SEALER_CLOSED' });
    await sealer.close();
  });
});
