import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import winston from 'winston';
import type { Sealer } from '../../src/index.ts';
import { SealedTransport } from '../../src/transports/winston.ts';
import { logPlace } from './log-place.ts';

it('seals what the format makes of each entry', async () => {
  const place = logPlace();
  const transport = new SealedTransport(place.options);
  const { combine, errors, json } = winston.format;
  const log = winston.createLogger({ format: combine(errors(), json()), transports: [transport] });
  log.info('paid', { user: 'ada', amount: 120 });
  log.debug('not asked for');
  log.error(new Error('refused'));
  log.end();
  await once(transport, 'finish');
  expect((await place.records()).map((line) => JSON.parse(line))).toMatchObject([
    { level: 'info', message: 'paid', user: 'ada', amount: 120 },
    { level: 'error', message: 'refused' },
  ]);
  expect(await place.verdict()).toBe('ok');
});

it('has a level and a format of its own', async () => {
  const place = logPlace();
  const format = winston.format.printf(({ level, message }) => `${level}: ${String(message)}`);
  const transport = new SealedTransport({ ...place.options, level: 'warn', format });
  const log = winston.createLogger({ transports: [transport, new winston.transports.Console({ silent: true })] });
  log.info('left out');
  log.warn('kept');
  log.end();
  await once(transport, 'finish');
  expect(await place.records()).toEqual(['warn: kept']);
});

it('holds winston back while the sealer takes nothing, and loses nothing', async () => {
  const place = logPlace();
  const transport = new SealedTransport({ ...place.options, maxLineBytes: 65_536, maxPendingBytes: 65_536 });
  const log = winston.createLogger({ transports: [transport] });
  const pad = 'x'.repeat(1_000);
  for (let n = 0; n < 2_000; n++) log.info('line', { n, pad });
  log.end();
  await once(transport, 'finish');
  expect((await place.records()).map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
});

it('seals what was logged when it is removed from its logger', async () => {
  const place = logPlace();
  const transport = new SealedTransport(place.options);
  const log = winston.createLogger({ transports: [transport] });
  log.info('before');
  log.remove(transport);
  await transport.sealer?.close();
  expect(await place.records()).toHaveLength(1);
});

it('tells of a log that ended as an event of the sealer, and throws nothing into winston', async () => {
  const place = logPlace();
  const transport = new SealedTransport({ ...place.options, keyFilePath: `${place.options.keyFilePath}.missing` });
  const ended = once(transport.sealer as Sealer, 'error');
  const log = winston.createLogger({ transports: [transport] });
  log.on('error', () => expect.unreachable());
  log.info('kept for the next start');
  expect((await ended)[0]).toMatchObject({ code: 'KEY_NOT_FOUND' });
  log.info('so is this');
  log.end();
  await once(transport, 'finish');
  transport.sealer?.closeSync();
  expect(transport.sealer?.stats.kept).toBe(2);
});

it('writes lines as they are where sealing is switched off', async () => {
  const place = logPlace();
  const transport = new SealedTransport({ ...place.options, enabled: false });
  expect(transport.sealer).toBeUndefined();
  const log = winston.createLogger({ transports: [transport] });
  log.info('plain');
  log.end();
  await once(transport, 'finish');
  expect(readFileSync(place.options.file, 'utf8')).toBe('{"level":"info","message":"plain"}\n');
});

it('refuses a file that cannot be written where sealing is switched off, with a code', () => {
  const place = logPlace();
  const file = `${place.directory}/nowhere/plain.log`;
  expect(() => new SealedTransport({ ...place.options, file, enabled: false })).toThrow(
    expect.objectContaining({ code: 'WRITE_FAILED', message: expect.stringContaining(file) }),
  );
});
