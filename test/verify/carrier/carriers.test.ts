import { describe, expect, it } from 'vitest';
import type { CarrierName } from '../../../src/index.ts';
import { carrierOf, isCarrierName } from '../../../src/verify/carrier/carriers.ts';

/** What a line of a carrier becomes: text and whether the line ends, or why there is none. */
function read(name: CarrierName, line: string | Buffer): unknown {
  const carried = carrierOf(name)?.read(Buffer.from(line));
  return typeof carried === 'object' ? [carried.bytes.toString('utf8'), carried.ends] : carried;
}

const time = '2026-11-24T23:00:00.123456789Z';
const log = (members: object): string => JSON.stringify({ log: 'a\n', stream: 'stdout', time, ...members });

describe('docker', () => {
  it.each([
    ['a whole line', log({}), ['a', true]],
    ['a piece', log({ log: 'a' }), ['a', false]],
    ['an empty line', log({ log: '\n' }), ['', true]],
    ['an empty piece', log({ log: '' }), ['', false]],
    ['the CR of a terminal', log({ log: 'a\r\n' }), ['a\r', true]],
    [
      'quotes, line separators, emoji',
      log({ log: '{"a":"\u2028\u{1f600}\\""}\n' }),
      ['{"a":"\u2028\u{1f600}\\""}', true],
    ],
    ['NUL', log({ log: 'a\u0000b\n' }), ['a\u0000b', true]],
    ['what --log-opt adds', log({ attrs: { log: 'b', env: '{}' } }), ['a', true]],
    ['space between', `{ "log" : "a\\n" , "stream":"stdout", "time" :"${time}" } `, ['a', true]],
    ['standard error', log({ stream: 'stderr' }), 'beside'],
    ['another stream', log({ stream: 'stdin' }), 'foreign'],
    ['no stream', JSON.stringify({ log: 'a\n', time }), 'foreign'],
    ['no time', JSON.stringify({ log: 'a\n', stream: 'stdout' }), 'foreign'],
    ['no log', JSON.stringify({ stream: 'stdout', time }), 'foreign'],
    ['a log that is no string', log({ log: ['a\n'] }), 'foreign'],
    ['two lines in one object', log({ log: 'a\nb\n' }), 'foreign'],
    ['a line and a piece in one object', log({ log: 'a\nb' }), 'foreign'],
    ['two empty lines in one object', log({ log: '\n\n' }), 'foreign'],
    ['log twice', `{"log":"a\\n","log":"b\\n","stream":"stdout","time":"${time}"}`, 'foreign'],
    ['log twice, spelled otherwise', `{"log":"a\\n","l\\u006fg":"b\\n","stream":"stdout","time":"${time}"}`, 'foreign'],
    ['stream twice', `{"log":"a\\n","stream":"stderr","stream":"stdout","time":"${time}"}`, 'foreign'],
    ['anything else twice', `{"log":"a\\n","stream":"stdout","time":"${time}","x":1,"x":1}`, 'foreign'],
    ['another name that differs in its case alone', log({ Log: 'b\n' }), 'foreign'],
    ['a stream in another case besides', log({ STREAM: 'stderr' }), 'foreign'],
    ['a long s, which Go takes for an s', log({ '\u017ftream': 'stderr' }), 'foreign'],
    ['half a surrogate pair', `{"log":"\\ud83d\\n","stream":"stdout","time":"${time}"}`, 'foreign'],
    ['more behind the object', `${log({})}x`, 'foreign'],
    ['another object behind it', `${log({})}${log({})}`, 'foreign'],
    ['an object that is torn', log({}).slice(0, -1), 'foreign'],
    ['a string that is torn', log({}).slice(0, 9), 'foreign'],
    ['an array', `[${log({})}]`, 'foreign'],
    ['a byte-order mark', `\ufeff${log({})}`, 'foreign'],
    ['a sealed line that nothing wraps', '{"integrity":{"kind":"checkpoint","note":"x"}}', 'foreign'],
    ['no UTF-8', Buffer.from([...Buffer.from('{"log":"'), 0xff, ...Buffer.from(log({}).slice(9))]), 'foreign'],
  ])('%s', (_what, line, expected) => {
    expect(read('docker', line)).toEqual(expected);
  });
});

describe('cri', () => {
  it.each([
    ['a whole line', `${time} stdout F {"a":1}`, ['{"a":1}', true]],
    ['a piece', `${time} stdout P {"a"`, ['{"a"', false]],
    ['spaces are the text', `${time} stdout F  a `, [' a ', true]],
    ['an empty line', `${time} stdout F `, ['', true]],
    ['a local time, as CRI-O has it', '2026-11-24T23:00:00.5+01:00 stdout F a', ['a', true]],
    ['more tags', `${time} stdout P:x:y a`, ['a', false]],
    ['standard error', `${time} stderr F a`, 'beside'],
    ['a piece of standard error', `${time} stderr P a`, 'beside'],
    ['another stream', `${time} stdin F a`, 'foreign'],
    ['another tag', `${time} stdout X a`, 'foreign'],
    ['no tag', `${time} stdout {"a":1}`, 'foreign'],
    ['no space behind the tag', `${time} stdout F`, 'foreign'],
    ['no time', 'stdout F a', 'foreign'],
    ['something before the time', ` ${time} stdout F a`, 'foreign'],
    ['what Docker writes', log({}), 'foreign'],
  ])('%s', (_what, line, expected) => {
    expect(read('cri', line)).toEqual(expected);
  });

  it('gives the bytes as they are', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0d]);
    const carried = carrierOf('cri')?.read(Buffer.concat([Buffer.from(`${time} stdout F `), bytes]));
    expect(carried).toEqual({ bytes, ends: true });
  });
});

describe('loki', () => {
  const line = (members: object): string => JSON.stringify({ labels: {}, line: 'a', timestamp: time, ...members });

  it.each([
    ['a line', line({}), ['a', true]],
    ['a line with its LF', line({ line: 'a\n' }), ['a', true]],
    ['labels that are called as the line is', line({ labels: { line: 'b', app: '{}' } }), ['a', true]],
    ['two lines in one', line({ line: 'a\nb' }), 'foreign'],
    ['no timestamp', '{"labels":{},"line":"a"}', 'foreign'],
    ['line twice', `{"line":"a","line":"a","timestamp":"${time}"}`, 'foreign'],
    ['no line', line({ line: null }), 'foreign'],
  ])('%s', (_what, text, expected) => {
    expect(read('loki', text)).toEqual(expected);
  });
});

describe('field', () => {
  it.each([
    ['field:log', '{"log":"a\\n"}', ['a', true]],
    ['field:MESSAGE', '{"_PID":"1","MESSAGE":"a"}', ['a', true]],
    ['field:MESSAGE', '{"MESSAGE":["a"]}', 'foreign'],
    ['field:MESSAGE', '{"MESSAGE":null}', 'foreign'],
    ['field:a.b', '{"b":"x","a":{"b":"a","c":{}}}', ['a', true]],
    ['field:a.b', '{"a":{"b":"a"},"a":{"b":"a"}}', 'foreign'],
    ['field:a.b', '{"a":{"b":"a","b":"a"}}', 'foreign'],
    ['field:a.b', '{"a.b":"a"}', 'foreign'],
    ['field:a.b', '{"a":"b"}', 'foreign'],
    ['field:a.b', '{"a":[{"b":"a"}]}', 'foreign'],
    ['field:a.b', '{}', 'foreign'],
    ['field:__proto__', '{"__proto__":"a"}', ['a', true]],
    ['field:toString', '{}', 'foreign'],
    ['field:log', '{"log":"a\\n\\n"}', 'foreign'],
  ] as const)('%s of %s', (name, line, expected) => {
    expect(read(name, line)).toEqual(expected);
  });
});

describe('the object of a carrier', () => {
  it('is refused before it is parsed where it would cost more than a carrier writes', () => {
    const many = Array.from({ length: 1_001 }, (_, at) => `"m${at}":1`).join();
    const deep = `${'['.repeat(70_000)}${']'.repeat(70_000)}`;
    for (const more of [many, `"x":${deep}`]) expect(read('field:log', `{"log":"a",${more}}`)).toBe('foreign');
  });

  it('may hold a line of any length', () => {
    const line = '\\"'.repeat(1_000_000);
    expect(read('field:log', `{"log":"${line}","x":"${line}"}`)).toEqual(['"'.repeat(1_000_000), true]);
  });

  it('is read in a time that grows with its length, whatever its backslashes are', () => {
    const line = `${'\\'.repeat(2_000_000)}"`;
    expect(read('field:log', `{"log":"${line}`)).toBe('foreign');
  });
});

describe('the name of a carrier', () => {
  it.each(['docker', 'cri', 'loki', 'field:log', 'field:a.b'])('%s', (name) => {
    expect(isCarrierName(name)).toBe(true);
    expect(carrierOf(name as CarrierName)?.name).toBe(name);
  });

  it.each([
    '',
    'Docker',
    'field',
    'field:',
    'field:.a',
    'field:a..b',
    'field:a.',
    'field:a.b.c.d.e',
    'toString',
    7,
    null,
  ])('is not %j', (name) => {
    expect(isCarrierName(name)).toBe(false);
  });

  it('is checked where it is used, too', () => {
    expect(() => carrierOf('podman' as CarrierName)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(carrierOf(undefined)).toBeUndefined();
  });
});

describe('a field of journald that holds what it takes for unprintable', () => {
  it.each([
    ['bytes', '{"MESSAGE":[97,226,130,172,127]}', ['a\u20ac\u007f', true]],
    ['bytes with the LF', '{"MESSAGE":[97,10]}', ['a', true]],
    ['two lines', '{"MESSAGE":[97,10,98]}', 'foreign'],
    ['what is no byte', '{"MESSAGE":[97,256]}', 'foreign'],
    ['a negative number', '{"MESSAGE":[97,-1]}', 'foreign'],
    ['a fraction', '{"MESSAGE":[97,1.5]}', 'foreign'],
    ['texts', '{"MESSAGE":["a","b"]}', 'foreign'],
    ['nothing', '{"MESSAGE":[]}', 'foreign'],
    ['an array in it', '{"MESSAGE":[[97]]}', 'foreign'],
  ])('%s', (_name, line, expected) => {
    expect(read('field:MESSAGE', line)).toEqual(expected);
  });
});

it.each([
  ['the member', '{"a":{"b":"real","B":"other"}}'],
  ['an object on the way to it', '{"a":{"b":"real"},"A":{"b":"other"}}'],
])('a field of which %s stands there in another case too is none', (_name, line) => {
  expect(read('field:a.b', line)).toBe('foreign');
});
