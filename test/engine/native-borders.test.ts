import { describe, expect, it } from 'vitest';
import { RecordKey } from '../../src/core/hmac.ts';
import { type Batch, checkWithBoth, sealWithBoth } from './both-engines.ts';
import { Random } from './random-lines.ts';

const random = new Random(Number(process.env['ENGINE_SEED'] ?? 13));
const modes = [
  ['MAC', new RecordKey(random.bytes(32))],
  ['checksum', undefined],
] as const;
/** A line of each form and each end, between others; what follows the last LF is no line. */
const input = Buffer.concat([
  Buffer.from('\n{"a":1}\n{}\r\n{ \t}\nplain "text"\\\n\u00e9\u{1f600}\r\na\u0000b\n\r\n', 'utf8'),
  Buffer.of(0xff, 0x0a),
  Buffer.from('\r\r\n{"b":[]}\nhalf', 'latin1'),
]);
const first = input.indexOf('{');

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, number) => number);

function batchOf(key: RecordKey | undefined, limits: Partial<Batch['limits']> = {}): Batch {
  return {
    input,
    areObjects: false,
    key,
    size: 6, // a tree whose edge changes its length with each of the next leaves
    subtrees: [random.bytes(32).toString('latin1'), random.bytes(32).toString('latin1')],
    kid: 'AbCdEf_-.42',
    limits: {
      from: first,
      to: input.length,
      inputBytes: input.length,
      maxLineBytes: 1_000,
      records: 100,
      at: 7,
      limit: 8_000,
      lineLimit: 8_000,
      ...limits,
    },
  };
}

describe.each(modes)('at every border of a batch the engines stop at the same place (%s)', (_name, key) => {
  const whole = sealWithBoth(batchOf(key), 8_000);

  it('seals all lines where no border is near', () => {
    expect(whole.sealed.records).toBe(10);
    expect(whole.sealed.taken).toBe(input.lastIndexOf('\n') + 1);
    expect(whole.output.toString('latin1').match(/"as":"(text|base64)"/g)).toHaveLength(6);
  });

  it.each([
    ['from', input.length, upTo(10)],
    ['to', input.length, upTo(10)],
    ['inputBytes', input.length, upTo(10).slice(1)],
    ['maxLineBytes', 40, [0, 3, 10]],
    ['records', 12, upTo(10).slice(1)],
    ['limit', 3_000, upTo(10)],
    ['lineLimit', 3_000, upTo(10)],
    ['at', 8_000, upTo(10)],
  ] as const)('%s, each value from 1 to %i', (name, most, records) => {
    const reached = new Set<number>();
    for (let value = 1; value <= most; value++) {
      reached.add(sealWithBoth(batchOf(key, { [name]: value }), 8_000).sealed.records);
    }
    expect([...reached].sort((one, other) => one - other)).toEqual(records);
  });

  it('the place and the number of records that are checked, and each bit of one', () => {
    const objects = Buffer.from('{"a":1}\n{"b":"x"}\n{"c":[]}\n', 'latin1');
    const batch = { ...batchOf(key, { from: 0, to: objects.length }), input: objects };
    const bytes = Buffer.concat([Buffer.of(0x0a), sealWithBoth(batch, 8_000).output]);
    const all = { checksAuth: true, tree: true, records: 3, from: 1, to: bytes.length, skipped: 0 };
    expect(checkWithBoth(batch, bytes, all)).toEqual({ records: 3, end: bytes.length });
    const reached = new Set<number>();
    for (const checksAuth of [true, false]) {
      for (let to = 1; to <= bytes.length; to++) {
        reached.add(checkWithBoth(batch, bytes, { ...all, checksAuth, to }).records);
        checkWithBoth(batch, bytes, { ...all, checksAuth, from: to });
        for (let records = 1; records <= 4; records++) checkWithBoth(batch, bytes, { ...all, checksAuth, records, to });
      }
      for (let bit = 8; bit < bytes.length * 8; bit++) {
        const spoilt = Buffer.from(bytes);
        spoilt[bit >> 3] = (spoilt[bit >> 3] as number) ^ (1 << (bit & 7));
        const line =
          bytes
            .subarray(1, bit >> 3)
            .toString('latin1')
            .split('\n').length - 1;
        const { records } = checkWithBoth(batch, spoilt, { ...all, checksAuth });
        if (checksAuth) expect(records, `bit ${bit}`).toBe(line); // whatever bit it is, in the record that has it
      }
    }
    expect(reached).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('lines of every length', () => {
  const forms = {
    object: (length: number) => (length < 8 ? '{}' : `{"a":"${'x'.repeat(length - 8)}"}`),
    text: (length: number) => '"'.repeat(length),
    base64: (length: number) => `${'\0'.repeat(length)}`,
  };

  it.each(Object.keys(forms) as (keyof typeof forms)[])(
    'up to 4,096 bytes, and around each power of two up to 1 MiB: %s',
    (form) => {
      const around = Array.from({ length: 9 }, (_, at) => 2 ** (at + 12)).flatMap((power) => [
        power - 1,
        power,
        power + 1,
      ]);
      const lengths = [...Array.from({ length: 4_096 }, (_, length) => length), ...around];
      for (let next = 0; next < lengths.length; next += 64) {
        const lines = lengths.slice(next, next + 64).map((length) => Buffer.from(`${forms[form](length)}\n`, 'latin1'));
        const all = Buffer.concat(lines);
        for (const [, key] of modes) {
          const limits = {
            from: 0,
            to: all.length,
            inputBytes: all.length,
            maxLineBytes: 2 ** 21,
            limit: 2 ** 24,
            lineLimit: 2 ** 24,
          };
          const room = all.length * 2 + lines.length * 300;
          const batch = { ...batchOf(key, limits), input: all };
          expect(sealWithBoth(batch, room).sealed.records).toBe(lines.length);
        }
      }
    },
  );
});
