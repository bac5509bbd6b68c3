import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { mlDsaWitnessKey, witnessKey } from '../support/witness-keys.ts';
import { macLog, signedBody, signedLog, signKeys } from '../vectors/logs.ts';

/** The `witness` command against witnesses that lie, hang and babble: nothing that they say is kept unchecked. */

type Answer = (body: string, response: ServerResponse) => void;

let directory = '';
let server: Server;
let url = '';
let asked: string[] = [];
let answer: Answer = () => undefined;
let made = 0;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'witness-'));
  server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      asked.push(`${request.method} ${request.url}\n${body}`);
      answer(body, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  asked = [];
});

const w1 = witnessKey('witness.example.com/w1');
const other = witnessKey('witness.example.com/w2');
const impostor = witnessKey('witness.example.com/w1', 'of an attacker');
const SEEN = 1_795_561_230;
const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
const says =
  (status: number, body: string): Answer =>
  (_, response) =>
    response.writeHead(status).end(body);
const textOf = (body: string): string => body.split('\n\n')[1]?.concat('\n') ?? '';
const cosigns =
  (by = w1, before = '', after = ''): Answer =>
  (body, response) =>
    response.writeHead(200).end(`${before}${by.cosign(textOf(body), SEEN)}${after}`);

async function run(
  log: SealedLog | Buffer,
  more: Partial<{ out: string; url: string; origin: string; witness: string }> = {},
): Promise<CommandResult & { out: string }> {
  const name = join(directory, String(++made));
  writeFileSync(`${name}.jsonl`, Buffer.isBuffer(log) ? log : bytesOf(log));
  const out = more.out ?? `${name}.witnessed`;
  const flags = [
    '--origin',
    more.origin ?? signedLog().origin,
    '--url',
    more.url ?? url,
    '--witness',
    more.witness ?? w1.vkey,
  ];
  return { ...(await runCommand(['witness', `${name}.jsonl`, ...flags, '--out', out])), out };
}

describe('witness', () => {
  it('sends what C2SP tlog-witness asks for, and keeps the checkpoint with the cosignature', async () => {
    answer = cosigns();
    const { code, out } = await run(signedLog(), { url: `${url}/prefix/` });
    expect(code).toBe(0);
    const [{ note } = { note: '' }] = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { integrity: { note: string } }).integrity);
    expect(asked).toEqual([`POST /prefix/add-checkpoint\nold 0\n\n${signedLog().note()}`]);
    expect(note).toBe(signedLog().note() + w1.cosign(signedLog().lastSeal.text, SEEN));
  });

  it('takes the cosignature of a witness of ML-DSA-44, and goes on from it', async () => {
    const pq = mlDsaWitnessKey('witness.example.com/pq');
    answer = cosigns(pq);
    const { code, out } = await run(signedLog(), { witness: pq.vkey });
    expect([code, readFileSync(out, 'utf8').includes(' witness.example.com/pq ')]).toEqual([0, true]);
    expect((await run(signedLog(), { out, witness: pq.vkey })).stdout).toContain('as before');
    answer = cosigns(mlDsaWitnessKey('witness.example.com/pq', { signs: 'witness.example.com/other' }));
    const wrong = await run(signedLog(), { witness: pq.vkey });
    expect([wrong.code, wrong.stderr.includes('its cosignature is wrong')]).toEqual([2, true]);
  });

  it('leaves out the lines of others, whatever they are', async () => {
    answer = cosigns(w1, other.cosign('anything\n1\n', 1), other.cosign('anything\n1\n', 2));
    const { code, out } = await run(signedLog());
    expect([code, readFileSync(out, 'utf8').includes('example.com/w2')]).toEqual([0, false]);
  });

  it('asks once more from the size that the witness says, with the proof from there', async () => {
    answer = (body, response) =>
      body.startsWith('old 8\n') ? cosigns()(body, response) : says(409, '8\n')(body, response);
    expect((await run(signedLog())).code).toBe(0);
    expect(asked.map((request) => request.split('\n')[1])).toEqual(['old 0', 'old 8']);
    expect(asked[1]?.split('\n\n')[0]?.split('\n').length).toBeGreaterThan(2);
  });

  it('goes on from a log whose first files are gone, as long as the witness has seen what they held', async () => {
    const log = signedLog().fork();
    const rotated = new SealedLog(log.origin)
      .open(signKeys)
      .seal()
      .checkpoint()
      .record('{"n":1}')
      .close('rotated')
      .checkpoint();
    const { size } = rotated;
    rotated.rotate('next.jsonl').record('{"n":2}').close().checkpoint();
    const [, second] = rotated.toFiles();
    answer = (body, response) =>
      body.startsWith(`old ${size}\n`) ? cosigns()(body, response) : says(409, `${size}\n`)(body, response);
    expect((await run(second?.bytes ?? Buffer.alloc(0))).code).toBe(0);
    answer = says(409, '2\n');
    const tooOld = await run(second?.bytes ?? Buffer.alloc(0));
    expect(tooOld.code).toBe(2);
    expect(tooOld.stderr).toContain('Give the older files too');
  });

  it('follows a copy that is ahead of its crashed host (M8.26)', async () => {
    const log = signedBody();
    const ahead = log.fork().record('{"lost":1}', '{"lost":2}');
    const recovered = log.fork().open(signKeys, { why: 'recovered' }).seal().close().checkpoint();
    const lost = ahead.lines.slice(log.lines.length);
    recovered.lines.splice(log.lines.length, 0, ...lost);
    answer = cosigns();
    expect((await run(recovered)).code).toBe(0);
    expect(asked[0]).toContain(recovered.lastSeal.text);
  });

  it.each<[string, Answer, number, string]>([
    ['another key under the same name', cosigns(impostor), 2, 'no cosignature of its own'],
    ['the cosignature of somebody else', cosigns(other), 2, 'no cosignature of its own'],
    [
      'a cosignature of another text',
      (_, response) => response.end(w1.cosign('a\n1\n', SEEN)),
      2,
      'its cosignature is wrong',
    ],
    ['nothing', says(200, ''), 2, 'not made of signature lines'],
    ['garbage', says(200, '<html>'), 2, 'not made of signature lines'],
    ['a line without its end', (body, response) => response.end(w1.cosign(textOf(body), SEEN).trim()), 2, 'not made'],
    ['far too much', says(200, 'x'.repeat(200_000)), 2, 'longer than 65536 bytes'],
    ['409 without a size', says(409, 'no'), 2, 'said none'],
    ['409 with the size that we sent', says(409, '0\n'), 2, 'said none'],
    [
      '409 with one size after another',
      (body, response) => says(409, body.startsWith('old 8') ? '2\n' : '8\n')(body, response),
      2,
      'has accepted another checkpoint',
    ],
    ['409 with more than there is', says(409, '999\n'), 1, 'has cosigned 999 entries'],
    [
      '422',
      (body, response) => (body.startsWith('old 2\n') ? says(422, '') : says(409, '2\n'))(body, response),
      1,
      'the first 2 entries that it has seen are not those of these files',
    ],
    ['422 to a proof from no entries on', says(422, ''), 2, 'which needs none'],
    ['403', says(403, ''), 2, 'none of the keys that sign it'],
    ['404', says(404, ''), 2, 'does not know the stream'],
    ['400', says(400, ''), 2, 'HTTP status 400'],
    ['503', says(503, ''), 2, 'HTTP status 503'],
    ['another place', (_, response) => response.writeHead(307, { location: url }).end(), 2, 'not followed'],
    [
      'half an answer',
      (_, response) => response.writeHead(200, { 'content-length': '100' }).end('x', () => response.socket?.destroy()),
      2,
      'cannot be reached',
    ],
  ])('keeps nothing where the witness answers %s', async (_, how, code, message) => {
    answer = how;
    const result = await run(signedLog());
    expect(result.code).toBe(code);
    expect(result.stdout + result.stderr).toContain(message);
    expect(existsSync(result.out)).toBe(false);
  });

  it('does not wait for ever', async () => {
    answer = (_, response) => response.writeHead(200).write('— ');
    const { code, stderr } = await run(signedLog());
    expect([code, stderr.includes('no answer within')]).toEqual([2, true]);
  });

  it.each<[string, () => Buffer | SealedLog, number, string]>([
    [
      'a changed record',
      () => Buffer.from(bytesOf(signedLog()).toString().replace('payment 2', 'payment 9')),
      2,
      'do not give the root',
    ],
    [
      'a record that is missing',
      () =>
        Buffer.from(
          bytesOf(signedLog())
            .toString()
            .replace(/.*payment 2.*\n/, ''),
        ),
      2,
      'are missing',
    ],
    ['no signature', macLog, 2, 'hold no signed checkpoint'],
    [
      'another stream',
      () => new SealedLog('audit.example.com/else').open(signKeys).seal().checkpoint(),
      2,
      'hold no signed',
    ],
  ])('submits no log with %s', async (_, log, code, message) => {
    answer = cosigns();
    const result = await run(log());
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(message);
    expect(asked).toEqual([]);
  });

  it('never appends to a log', async () => {
    answer = cosigns();
    const log = join(directory, 'the-log.jsonl');
    writeFileSync(log, bytesOf(signedLog()));
    const result = await run(signedLog(), { out: log });
    expect(result.code).toBe(64);
    expect(result.stderr).toContain('never the log itself');
    expect(readFileSync(log).equals(bytesOf(signedLog()))).toBe(true);
  });

  it.each([
    [['--url', 'http://witness.example.com/'], 'plain http'],
    [['--url', 'witness.example.com'], 'not an https address'],
    [['--url', ''], 'needs --url'],
    [['--witness', ''], 'needs --witness'],
    [['--out', ''], 'needs --out'],
    [['--origin', ''], 'needs --origin'],
  ])('refuses %j', async (flags, message) => {
    const file = join(directory, 'any.jsonl');
    writeFileSync(file, bytesOf(signedLog()));
    const all = {
      '--origin': signedLog().origin,
      '--url': url,
      '--witness': w1.vkey,
      '--out': join(directory, 'any.out'),
    };
    const changed = { ...all, ...(flags.length === 2 && { [flags[0] ?? '']: flags[1] ?? '' }) };
    const others = flags.length === 2 ? [] : flags;
    const result = await runCommand(['witness', file, ...Object.entries(changed).flat(), ...others]);
    expect(result.code).toBe(64);
    expect(result.stderr).toContain(message);
    expect(asked).toEqual([]);
  });
});
