import { readFileSync } from 'node:fs';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { BatchLogRecordProcessor, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { expect, it } from 'vitest';
import { SealedLogRecordExporter } from '../../src/transports/opentelemetry.ts';
import { logPlace } from './log-place.ts';

it('seals records with the names of the log data model', async () => {
  const place = logPlace();
  const exporter = new SealedLogRecordExporter(place.options);
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor(exporter)] });
  const logger = provider.getLogger('shop', '1.2.3');
  logger.emit({
    timestamp: [1_700_000_000, 123_456_789],
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    eventName: 'payment',
    body: { user: 'ada', proof: Uint8Array.of(1, 2, 3) },
    attributes: { amount: 120 },
  });
  await provider.forceFlush();
  await provider.shutdown();
  expect((await place.records()).map((line) => JSON.parse(line))).toMatchObject([
    {
      Timestamp: '1700000000123456789',
      SeverityNumber: 13,
      SeverityText: 'WARN',
      EventName: 'payment',
      Body: { user: 'ada', proof: 'AQID' },
      Attributes: { amount: 120 },
      Resource: { 'service.name': expect.stringContaining('unknown_service') },
      InstrumentationScope: { Name: 'shop', Version: '1.2.3' },
    },
  ]);
  expect(await place.verdict()).toBe('ok');
});

it('takes every record of many, in order', async () => {
  const place = logPlace();
  const exporter = new SealedLogRecordExporter({ ...place.options, maxLineBytes: 65_536, maxPendingBytes: 65_536 });
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor(exporter)] });
  const logger = provider.getLogger('many');
  for (let n = 0; n < 1_000; n++) {
    logger.emit({ body: { n, pad: 'x'.repeat(500) } });
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await provider.shutdown();
  const numbers = (await place.records()).map((line) => JSON.parse(line).Body.n);
  expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
});

it('says which batch could not be taken whole, and seals the rest of it', async () => {
  const place = logPlace();
  const exporter = new SealedLogRecordExporter(place.options);
  const record = {
    hrTime: [1, 0] as const,
    hrTimeObserved: [1, 0] as const,
    resource: { attributes: {} },
    instrumentationScope: { name: 'made' },
    attributes: {},
  };
  const circle: Record<string, unknown> = {};
  circle['itself'] = circle;
  const exported = (records: Parameters<typeof exporter.export>[0]): Promise<unknown> =>
    new Promise((resolve) => exporter.export(records, resolve));
  expect(
    await exported([
      { ...record, body: circle },
      { ...record, body: 'kept' },
    ]),
  ).toMatchObject({ code: 1, error: expect.any(TypeError) });
  await exporter.forceFlush();
  await exporter.shutdown();
  await exporter.shutdown(); // once is as good as twice
  expect(await exported([{ ...record, body: 'too late' }])).toMatchObject({ code: 1 });
  expect((await place.records()).map((line) => JSON.parse(line).Body)).toEqual(['kept']);
});

it('writes records as they are where sealing is switched off', async () => {
  const place = logPlace();
  const exporter = new SealedLogRecordExporter({ ...place.options, enabled: false });
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor(exporter)] });
  provider.getLogger('plain').emit({ body: 'as it is' });
  await provider.shutdown();
  expect(exporter.sealer).toBeUndefined();
  expect(JSON.parse(readFileSync(place.options.file, 'utf8'))).toMatchObject({ Body: 'as it is' });
});
