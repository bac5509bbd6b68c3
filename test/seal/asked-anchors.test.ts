import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sealer } from '../../src/index.ts';
import { audit, ORIGIN, start, workplace as unsignedWorkplace, signingWorkplace as workplace } from './workplace.ts';

/** Anchors with an address, read back at a start (M6.5): POST takes a note, GET gives the newest one of a stream. */

let notes: string[] = [];
let asked: string[] = [];
let takes = true;
let answer: ((response: ServerResponse) => void) | undefined;
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    asked.push(`${request.method} ${request.url}`);
    if (request.method === 'POST') {
      if (!takes) return;
      notes.push(body);
      response.end();
    } else if (answer !== undefined) answer(response);
    else response.writeHead(notes.length > 0 ? 200 : 404).end(notes.at(-1));
  });
});
let anchors: string[] = [];
beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  anchors = [`http://127.0.0.1:${(server.address() as AddressInfo).port}/checkpoints`];
  [notes, asked, answer, takes] = [[], [], undefined, true];
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Waits until the anchor has what was given to it. */
async function told(size: number): Promise<void> {
  while (!notes.some((note) => note.includes(`\n${size}\n`))) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function logged(options: Parameters<typeof start>[0], ...lines: string[]): Promise<Sealer> {
  const sealer = start(options);
  for (const line of lines) sealer.write(line);
  await sealer.close();
  await told(sealer.stats.size);
  return sealer;
}

describe('an anchor with an address', () => {
  it('is asked for the newest checkpoint of the stream, and a log that agrees goes on', async () => {
    const { directory, options, provider } = workplace();
    await logged({ ...options(), anchors }, '{"n":1}');
    await logged({ ...options(), anchors }, '{"n":2}');
    expect(asked).toContain(`GET /checkpoints?origin=${encodeURIComponent(ORIGIN)}`);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('finds a log and its state that were rolled back together: nothing is written', async () => {
    const { directory, file, options } = workplace();
    await logged({ ...options(), anchors }, '{"n":1}');
    const copy = join(directory, 'copy');
    cpSync(join(directory, 'state'), join(copy, 'state'), { recursive: true });
    cpSync(file, join(copy, 'audit.jsonl'));
    await logged({ ...options(), anchors }, '{"n":2}');
    for (const name of ['state', 'audit.jsonl']) {
      rmSync(join(directory, name), { recursive: true });
      cpSync(join(copy, name), join(directory, name), { recursive: true });
    }
    const sealer = start({ ...options(), anchors });
    await expect(sealer.ready).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      message: expect.stringMatching(/the anchor 127.* holds a checkpoint/),
    });
  });

  it('finds that everything was deleted', async () => {
    const { directory, file, options } = workplace();
    await logged({ ...options(), anchors }, '{"n":1}');
    rmSync(file);
    rmSync(join(directory, 'state'), { recursive: true });
    await expect(start({ ...options(), anchors }).ready).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  it('that knows more than a log without signers is told of, and stops nothing', async () => {
    const { directory, file, options, provider } = unsignedWorkplace();
    await logged({ ...options(), anchors }, '{"n":1}', '{"n":2}', '{"n":3}');
    rmSync(file);
    rmSync(join(directory, 'state'), { recursive: true });
    const warnings: Error[] = [];
    const sealer = start({ ...options(), anchors });
    sealer.on('warning', (error) => warnings.push(error));
    await sealer.ready;
    await sealer.close();
    expect(warnings[0]).toMatchObject({ code: 'STATE_CONFLICT', message: expect.stringMatching(/at size \d+/) });
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it.each<[string, (response: ServerResponse) => void, boolean]>([
    ['has none yet', (response) => response.writeHead(404).end(), false],
    ['only takes them', (response) => response.writeHead(405).end('use POST'), false],
    ['fails', (response) => response.writeHead(500).end(), true],
    ['babbles', (response) => response.end('<html>'), true],
    ['never ends', (response) => response.end('x'.repeat(1_000_000)), true],
    ['hangs', () => undefined, true],
    ['leads elsewhere', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), true],
    [
      'has one of another stream',
      (response) =>
        response.end('other.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— other.example AAAAAAAA\n'),
      true,
    ],
  ])('that %s does not hold the log up', async (_, how, warns) => {
    const { directory, options, provider } = workplace();
    answer = how;
    const warnings: Error[] = [];
    const sealer = start({ ...options(), anchors });
    sealer.on('warning', (error) => warnings.push(error));
    sealer.write('{"n":1}');
    await sealer.ready;
    await sealer.close();
    expect(warnings.some(({ message }) => message.includes('could not be asked'))).toBe(warns);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'only takes them',
      (response) => response.writeHead(405).end('use POST'),
      /: NOT_FOUND: it has no checkpoint of this log/,
    ],
    ['has lost them', (response) => response.writeHead(404).end(), /: NOT_FOUND: it has no checkpoint of this log/],
    ['fails', (response) => response.writeHead(500).end(), /: UNAVAILABLE: HTTP status 500$/],
    ['babbles', (response) => response.end('<html>'), /: RESPONSE_MALFORMED: its answer is not a signed checkpoint$/],
  ])('that %s is warned of at a later start with the code of its error', async (_, how, says) => {
    const { options } = workplace();
    await logged({ ...options(), anchors }, '{"n":1}');
    answer = how;
    const warnings: Error[] = [];
    const sealer = start({ ...options(), anchors });
    sealer.on('warning', (error) => warnings.push(error));
    await sealer.ready;
    await sealer.close();
    const asked = warnings.filter(({ message }) => message.includes('could not be asked'));
    expect(asked.map(({ message }) => message)).toEqual([expect.stringMatching(says)]);
  });

  it('that hangs keeps a short job from sealing nothing: its end waits for the anchor no longer than a moment', async () => {
    const { directory, options, provider } = workplace();
    answer = () => undefined;
    const warnings: Error[] = [];
    const first = start({ ...options(), anchors });
    first.on('warning', (error) => warnings.push(error));
    first.write('{"n":1}');
    await first.close();
    expect(first.stats.records).toBe(1);
    expect(warnings[0]?.message).toMatch(/could not be asked.*: no answer before the log was closed/);
    const report = await audit(directory, provider);
    expect([report.verdict, report.streams[0]?.records]).toEqual(['ok', 1]);
  });

  it('that takes no checkpoint holds up the end of a process for seconds, not for a request', async () => {
    const { options } = workplace();
    takes = false;
    const warned = new Promise<Error>((resolve) => {
      const sealer = start({ ...options(), anchors });
      sealer.on('warning', resolve);
      sealer.write('{"n":1}');
      void sealer.close();
    });
    expect((await warned).message).toMatch(/did not accept a checkpoint: .*aborted by the caller/);
  });

  it.each(['//user:hunter2@', '//hunter2@', '//:hunter2@'])(
    'that has %s in its address is refused unseen',
    (before) => {
      const { options } = workplace();
      for (const scheme of ['http', 'https', 'HTTPS', 'ftp', 's3']) {
        const secret = anchors.map((url) => url.replace(/^http:\/\//, `${scheme}:${before}`));
        let thrown: unknown;
        try {
          start({ ...options(), anchors: secret });
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toMatchObject({ code: 'CONFIG_INVALID' });
        expect(inspect(thrown, { depth: 10 })).not.toContain('hunter2');
      }
    },
  );

  it('is one in any case of its scheme', async () => {
    const { directory, options, provider } = workplace();
    const upper = anchors.map((url) => url.replace('http:', 'HTTP:'));
    await logged({ ...options(), anchors: upper }, '{"n":1}');
    expect(notes.length).toBeGreaterThan(0);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });
});
