import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';
import { isTamperError } from '../../src/errors.ts';
import { type KeyProvider, Sealer, type SealerOptions } from '../../src/index.ts';
import { sourcesOf } from '../../src/seal/epoch/key-sources.ts';
import { abandonStream, breakLock } from '../../src/seal/resume/recover-stream.ts';
import { audit, ORIGIN, read, sealedFiles, signingWorkplace, start, workplace } from './workplace.ts';

it('a second writer of the same stream is refused while the first one runs, and not after', async () => {
  const { options } = workplace();
  const first = start(options());
  await first.ready;
  expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'LOCKED' }));
  await first.close();
  await start(options()).close();
});

it('a lock whose holder runs no more does not stop the next writer', async () => {
  const { directory, options } = workplace();
  const first = start(options());
  await first.ready;
  const [name] = readdirSync(join(directory, 'state')).filter((one) => one.endsWith('.lock'));
  const path = join(directory, 'state', name as string);
  const lock = readFileSync(path, 'utf8');
  await first.close();
  writeFileSync(path, lock.replace(/"started":"[^"]*"/, '"started":"1"'));
  await start(options()).close();
});

/** What the lock of a writer says whose process cannot be seen from here. */
async function lockElsewhere(directory: string, options: SealerOptions, lease: number): Promise<string> {
  const first = start(options);
  await first.ready;
  const [name] = readdirSync(join(directory, 'state')).filter((one) => one.endsWith('.lock'));
  const path = join(directory, 'state', name as string);
  const lock = JSON.parse(readFileSync(path, 'utf8')) as object;
  await first.close();
  writeFileSync(path, JSON.stringify({ ...lock, host: 'elsewhere', boot: 'another', lease_ms: lease }));
  return path;
}

it('a lock from another machine ends after its lease; lines wait meanwhile, and none is lost', async () => {
  const { directory, options, provider } = workplace();
  await lockElsewhere(directory, options(), 300);
  const second = start(options());
  expect(second.origin).toBe(ORIGIN);
  second.write('{"n":1}');
  expect(second.stats).toMatchObject({ records: 0, origin: ORIGIN });
  await second.flush();
  await second.close();
  expect(await audit(directory, provider)).toMatchObject({ verdict: 'ok', streams: [{ records: 1 }] });
});

it('a lock from another machine that is renewed is respected, and the lines are kept for the next start', async () => {
  const { directory, options, provider } = workplace();
  const path = await lockElsewhere(directory, options(), 5_000);
  const second = start(options());
  const failed = new Promise((resolve) => second.on('error', resolve));
  second.write('{"n":1}');
  utimesSync(path, 1, 1); // it lives
  expect(isTamperError(await failed, 'LOCKED')).toBe(true);
  await expect(second.ready).rejects.toMatchObject({ code: 'LOCKED' });
  const kept = readdirSync(join(directory, 'state')).filter((name) => name.includes('.unsealed-'));
  expect(kept).toEqual([expect.stringContaining('transport-')]); // no key service was away
  rmSync(path);
  await start(options()).close();
  expect(await audit(directory, provider)).toMatchObject({ verdict: 'ok', streams: [{ records: 1 }] });
});

it('a writer whose lock was taken away stops before it writes another byte', async () => {
  const { directory, file, options, provider } = workplace();
  const first = start(options());
  const failed = new Promise((resolve) => first.on('error', resolve));
  await first.flush();
  const { keyProvider: _unused, ...code } = options();
  breakLock(resolveConfig({ code }).config);
  const second = start(options());
  await second.flush();
  const bytes = readFileSync(file);
  first.write('{"n":1}');
  expect(isTamperError(await failed, 'LOCKED')).toBe(true);
  expect(readFileSync(file).equals(bytes)).toBe(true);
  second.write('{"n":2}');
  await second.close();
  const third = start(options()); // with what the first one had kept
  await third.close();
  expect(await audit(directory, provider)).toMatchObject({ verdict: 'ok', streams: [{ records: 2 }] });
});

it.each(['', 'null\n', '[1]'])('a lock file of a killed or failed start (%j) ends no later one', async (text) => {
  const { directory, options } = workplace();
  const path = await lockElsewhere(directory, options(), 1);
  writeFileSync(path, text);
  const { keyProvider, ...code } = options();
  const provider = keyProvider as KeyProvider;
  const keys = () => sourcesOf(config, { key: provider, signing: provider, postQuantum: provider });
  const { config } = resolveConfig({ code });
  const openBucket = () => Promise.reject(new Error('no anchor is in S3'));
  const sealer = new Sealer(config, { keys, openBucket, lock: { lease: 200 } });
  await sealer.ready;
  await sealer.close();
});

it('what somebody else writes into the file ends the log before a line is lost in it', async () => {
  const { file, options } = workplace();
  const sealer = start({ ...options(), onFailure: 'throw' });
  const failed = new Promise((resolve) => sealer.on('error', resolve));
  await sealer.flush();
  appendFileSync(file, 'not ours\n');
  sealer.write('{"n":1}');
  expect(isTamperError(await failed, 'FOREIGN_WRITE')).toBe(true);
  expect(() => sealer.write('{"n":2}')).toThrowError(expect.objectContaining({ code: 'FOREIGN_WRITE' }));
});

it('a file that was deleted under the writer ends the log', async () => {
  const { file, options } = workplace();
  const sealer = start(options());
  const failed = new Promise((resolve) => sealer.on('error', resolve));
  await sealer.flush();
  rmSync(file);
  sealer.write('{"n":1}');
  expect(isTamperError(await failed, 'FOREIGN_WRITE')).toBe(true);
});

it('two streams that start in one tick share no data key', async () => {
  const one = workplace();
  const two = workplace();
  const sealers = [start(one.options()), start({ ...two.options(), keyProvider: one.provider, origin: `${ORIGIN}/2` })];
  await Promise.all(sealers.map((sealer) => sealer.close()));
  const keys = [one.file, two.file].map((file) => /"wrapped":"([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1]);
  expect(new Set(keys).size).toBe(2);
  expect(one.provider.calls('getKey')).toBe(2);
});

it.each([
  ['is shorter than the state says', (file: string) => truncateSync(file, 100)],
  ['is gone', (file: string) => rmSync(file)],
  [
    'holds another last entry',
    (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"kind":"close"', '"kind":"clone"')),
  ],
])('a file that %s is a conflict with the state; the old file stays as it is', async (name, spoil) => {
  const { directory, file, options, provider } = workplace();
  const first = start(options());
  first.write('{"n":1}');
  await first.flush();
  first.closeSync();
  spoil(file);
  const spoilt = name === 'is gone' ? undefined : readFileSync(file);
  expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'STATE_CONFLICT' }));
  const next = start({ ...options(), onStateConflict: 'new_stream' });
  next.write('{"n":3}');
  await next.close();
  if (spoilt !== undefined) expect(readFileSync(file)).toEqual(spoilt);
  const files = sealedFiles(directory).filter((path) => path !== file);
  const stream = await read(files, provider);
  expect(stream.opens[0]).toMatchObject({ why: 'conflict', after: { origin: ORIGIN, size: 5 } });
  const alone = { paths: files, origin: `${ORIGIN}/*` };
  const report = await audit(directory, provider, alone);
  expect(report.findings.filter(({ severity }) => severity !== 'warning')).toMatchObject([{ code: 'START_UNPROVEN' }]);
  const held = [report.streams[0]?.checkpoint ?? ''];
  expect((await audit(directory, provider, { ...alone, held })).verdict, 'once the auditor accepts it').toBe('ok');
  const again = start(options()); // and it is the new stream that goes on
  expect(again.origin).toBe(next.origin);
  await again.close();
});

it('a file that is emptied behind a change of file, before its first seal, is missed at the next start', async () => {
  const { directory, file, options } = workplace();
  const first = start(options());
  const ended = once(first, 'error');
  first.write('{"n":1}');
  await first.rotate();
  first.write('{"n":2}');
  const state = readdirSync(join(directory, 'state')).find((name) => name.endsWith('.chainstate')) ?? '';
  await vi.waitFor(() => expect(readFileSync(join(directory, 'state', state), 'utf8')).toContain('"written":true'));
  truncateSync(file); // as logrotate does with copytruncate
  first.write('{"n":3}');
  expect(await ended).toMatchObject([{ code: 'FOREIGN_WRITE' }]);
  first.closeSync();
  expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'STATE_CONFLICT' }));
});

it('a file of somebody else is left alone', () => {
  const { file, options } = workplace();
  writeFileSync(file, '{"msg":"a plain log"}\n');
  expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'STATE_CONFLICT' }));
  expect(readFileSync(file, 'utf8')).toBe('{"msg":"a plain log"}\n');
});

it('a state that cannot be read is an error with a way out', async () => {
  const { directory, options, provider } = workplace();
  await start(options()).close();
  const [name] = readdirSync(join(directory, 'state'));
  writeFileSync(join(directory, 'state', name as string), '{"version":');
  expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'STATE_MALFORMED' }));
  const { keyProvider: _unused, ...code } = options();
  const next = await abandonStream(resolveConfig({ code }).config, 'the disk was replaced', Date.now());
  const sealer = start(options());
  expect(sealer.origin).toBe(next.origin);
  await sealer.close();
  expect((await read([next.file], provider)).opens[0]).toMatchObject({ why: 'conflict' });
});

it('goes on from the file alone where the state was lost', async () => {
  const { directory, options, provider } = workplace();
  const first = start(options());
  first.write('{"n":1}');
  await first.rotate();
  first.write('{"n":2}');
  await first.close();
  rmSync(join(directory, 'state'), { recursive: true });
  const second = start(options());
  second.write('{"n":3}');
  await second.close();
  const report = await audit(directory, provider);
  expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
  expect(report.streams[0]).toMatchObject({ records: 3, runs: 2 });
});

it('goes on where the state was lost between the new name of a closed file and the next file', async () => {
  const { directory, file, options, provider } = workplace();
  const first = start(options());
  first.write('{"n":1}');
  await first.rotate();
  await first.close();
  rmSync(join(directory, 'state'), { recursive: true });
  rmSync(file);
  const second = start(options());
  second.write('{"n":2}');
  await second.rotate();
  second.write('{"n":3}');
  await second.close();
  expect(sealedFiles(directory).at(-1)).toBe(file);
  const report = await audit(directory, provider);
  expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
  expect(report.streams[0]).toMatchObject({ records: 3, runs: 2 });
});

it.each([
  ['MACs', {}, { useKmsSigning: true }],
  ['signatures', { signingKeyId: 'sign' }, {}],
])('a restart that drops %s is refused', async (_name, before, after) => {
  const { options } = workplace(['audit', 'sign']);
  await start({ ...options(), ...before }).close();
  await expect(start({ ...options(), ...after }).ready).rejects.toMatchObject({ code: 'MODE_CHANGE' });
});

it('a place that cannot be written to is an error that names it', () => {
  const { directory, options } = workplace();
  const place = join(directory, 'no-directory');
  writeFileSync(place, '');
  const begin = () => start({ ...options(), file: join(place, 'audit.jsonl') });
  expect(begin).toThrowError(
    expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringContaining(place) }),
  );
});

it('an anchor that knows more than the state is a conflict', async () => {
  const { directory, file, options } = signingWorkplace();
  const settings = { ...options(), anchors: [join(directory, 'anchor.jsonl')] };
  const first = start(settings);
  first.write('{"n":1}');
  await first.close();
  rmSync(file);
  rmSync(join(directory, 'state'), { recursive: true });
  await expect(start(settings).ready).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  const next = start({ ...settings, onStateConflict: 'new_stream' });
  await next.ready;
  expect(next.origin).toMatch(`${ORIGIN}/`);
  await next.close();
  expect(next.stats.records).toBe(0);
});
