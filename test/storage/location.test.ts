import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLocation, parseLocation } from '../../src/storage/location.ts';

describe('a location', () => {
  it.each([
    ['s3://logs', { scheme: 's3', name: 's3://logs', bucket: 'logs', prefix: '' }],
    ['s3://logs/', { scheme: 's3', name: 's3://logs', bucket: 'logs', prefix: '' }],
    ['s3://a.b-3/audit/2026', { scheme: 's3', name: 's3://a.b-3', bucket: 'a.b-3', prefix: 'audit/2026' }],
    ['s3://logs/audit/', { scheme: 's3', name: 's3://logs', bucket: 'logs', prefix: 'audit/' }],
    ['s3://logs//a//', { scheme: 's3', name: 's3://logs', bucket: 'logs', prefix: '/a//' }],
    [
      'gs://my_logs.example.com/a',
      { scheme: 'gs', name: 'gs://my_logs.example.com', bucket: 'my_logs.example.com', prefix: 'a' },
    ],
    ['az://acct1/logs', { scheme: 'az', name: 'az://acct1/logs', account: 'acct1', container: 'logs', prefix: '' }],
    [
      'az://acct1/logs/a/b',
      { scheme: 'az', name: 'az://acct1/logs', account: 'acct1', container: 'logs', prefix: 'a/b' },
    ],
    ['az://acct1/$web/a', { scheme: 'az', name: 'az://acct1/$web', account: 'acct1', container: '$web', prefix: 'a' }],
  ])('%s is read', (text, location) => {
    expect(isLocation(text)).toBe(true);
    expect(parseLocation(text)).toEqual(location);
  });

  it('has any UTF-8 behind the bucket, as it is written', () => {
    const prefix = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => Buffer.byteLength(text) <= 1024);
    fc.assert(
      fc.property(prefix, fc.constantFrom('s3://logs', 'gs://logs', 'az://acct/logs'), (key, store) => {
        fc.pre(!/[?&](?:sig|signature|x-amz-|x-goog-)/i.test(key));
        expect(parseLocation(`${store}/${key}`)).toMatchObject({ name: store, prefix: key });
      }),
    );
    for (const key of ['a b', 'a+b', 'a%2Fb', 'a?b', 'a#b', '../a', 'prüfung', '😀', 'a:b@c', 'x=1&y=2']) {
      expect(parseLocation(`s3://logs/${key}`).prefix).toBe(key);
    }
  });

  it.each([
    's3:',
    's3:logs',
    's3:/logs',
    's3://',
    's3:///a',
    's3://lo',
    's3://Logs',
    's3://-logs/a',
    's3://lo_gs/a',
    's3://logs:443/a',
    `s3://${'a'.repeat(64)}`,
    's3://logs?x=1',
    'S3://logs',
    'GS://logs',
    'gs://',
    'gs://lo',
    'gs://lögs',
    'az://',
    'az://acct',
    'az://acct/',
    'az://ac/logs',
    'az://Acct/logs',
    'az://acct-1/logs',
    'az://acct.blob.core.windows.net/logs',
    'az://acct/Logs',
    'az://acct/lo--gs',
    'az://acct/logs-',
    'az://acct/$other',
    's3://logs/\ud800',
    `s3://logs/${'é'.repeat(513)}`,
  ])('%j is refused, with what it should be', (text) => {
    expect(isLocation(text)).toBe(true);
    const named = JSON.stringify(text.slice(0, 100)).slice(1, 5);
    const usage = expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(named) });
    expect(() => parseLocation(text)).toThrow(usage);
  });

  it.each([
    's3://AKIAEXAMPLE:hunter2@logs/a',
    's3://hunter2@logs',
    's3:hunter2@logs',
    'gs://user:hunter2@logs/a',
    'az://acct:hunter2@host/logs',
    'az://acct/logs?sv=2024-01-01&sig=hunter2',
    'az://acct/logs/a?sv=2024-01-01&sig=hunter2',
    's3://logs/a?X-Amz-Credential=x&X-Amz-Signature=hunter2',
    'gs://logs/a?X-Goog-Signature=hunter2',
    's3://logs/a?AWSAccessKeyId=x&Signature=hunter2',
  ])('%s is refused, and its secret not repeated', (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => parseLocation(text)).not.toThrow(/hunter2/);
  });

  it.each([
    '',
    'logs',
    '/s3/logs',
    './s3:logs',
    's3',
    's3/logs',
    'https://s3.amazonaws.com/logs',
    'file:///logs',
    'as3://x',
    'C:\\logs',
  ])('%j is none', (text) => {
    expect(isLocation(text)).toBe(false);
  });
});
