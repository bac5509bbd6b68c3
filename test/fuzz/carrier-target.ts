import assert from 'node:assert/strict';
import type { CarrierName } from '../../src/index.ts';
import { carrierOf } from '../../src/verify/carrier/carriers.ts';
import { carriers, wrapFile } from '../support/carriers.ts';
import { subjects } from '../support/mutations.ts';
import type { Target } from './target.ts';

/** Where each carrier has the text. */
const paths: Readonly<Record<string, readonly string[]>> = {
  docker: ['log'],
  loki: ['line'],
  'field:log': ['log'],
  'field:kubernetes.log': ['kubernetes', 'log'],
  'field:MESSAGE': ['MESSAGE'],
};

/** What a parser of JSON makes of the text. */
function textOf(name: CarrierName, line: Buffer): string {
  let value: unknown = JSON.parse(line.toString('utf8'));
  for (const member of paths[name] ?? []) value = (value as Record<string, unknown>)[member];
  return Array.isArray(value) ? Buffer.from(value).toString('utf8') : (value as string);
}

/** What is taken out of a line is what any parser takes out of it, and one line at the most. */
export const carrierLine: Target = {
  name: 'carrier-line',
  seeds: () =>
    carriers.flatMap((name) =>
      subjects()
        .flatMap(({ log }) => log.lines.slice(0, 4))
        .map(({ bytes }) => {
          const wrapped = wrapFile(name, Buffer.concat([bytes, Buffer.from('\n')]), 400).bytes;
          return wrapped.subarray(0, wrapped.indexOf(0x0a));
        }),
    ),
  tokens: [
    '"log":',
    '"l\\u006fg":',
    '"stream":"stdout",',
    '"stream":"stderr",',
    '"timestamp":"",',
    '"MESSAGE":[123,34],',
    '"line":"\\n",',
    '"time":"",',
    '"kubernetes":{',
    '\\ud800',
    '\\n"',
    '\\\\"',
    '{}',
    '[]',
    ' stdout P ',
    ' stderr F ',
  ],
  run(input) {
    const line = Buffer.from(input.toString('latin1').replaceAll('\n', ''), 'latin1');
    for (const name of carriers) {
      const carried = carrierOf(name)?.read(line);
      if (carried === undefined || typeof carried === 'string') continue;
      assert.ok(!carried.bytes.includes(0x0a), 'two lines in one');
      if (name === 'cri') assert.ok(line.subarray(line.length - carried.bytes.length).equals(carried.bytes));
      else assert.equal(textOf(name, line).replace(/\n$/, ''), carried.bytes.toString('utf8'));
    }
  },
};
