import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RecordKey } from '../../src/core/hmac.ts';
import { someOf, times } from '../support/tier.ts';
import { type Batch, checkWithBoth, sealWithBoth } from './both-engines.ts';
import { Random } from './random-lines.ts';

const random = new Random(Number(process.env['ENGINE_SEED'] ?? 13));
/** So many records at most, but where that is what is asked. */
const RECORDS = 100;
const recordKey = new RecordKey(random.bytes(32));
const modes = [
  ['MAC', { key: recordKey, salts: undefined }],
  ['checksum', { key: undefined, salts: undefined }],
  ['MAC, salted', { key: recordKey, salts: random.salts(RECORDS) }],
  ['checksum, salted', { key: undefined, salts: random.salts(RECORDS) }],
] as const;
type Mode = Pick<Batch, 'key' | 'salts'>;
/** A line of each form and each end, between others; what follows the last LF is no line. */
const input = Buffer.concat([
  Buffer.from('\n{"a":1}\n{}\r\n{ \t}\nplain "text"\\\n\u00e9\u{1f600}\r\na\u0000b\n\r\n', 'utf8'),
  Buffer.of(0xff, 0x0a),
  Buffer.from('\r\r\n{"b":[]}\nhalf', 'latin1'),
]);
const first = input.indexOf('{');

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, number) => number);

function batchOf(mode: Mode, limits: Partial<Batch['limits']> = {}): Batch {
  return {
    ...mode,
    input,
    areObjects: false,
    size: 6, // a tree whose edge changes its length with each of the next leaves
    subtrees: [random.bytes(32).toString('latin1'), random.bytes(32).toString('latin1')],
    kid: 'AbCdEf_-.42',
    limits: {
      from: first,
      to: input.length,
      inputBytes: input.length,
      maxLineBytes: 1_000,
      records: RECORDS,
      at: 7,
      limit: 8_000,
      lineLimit: 8_000,
      ...limits,
    },
  };
}

describe.each(modes)('at every border of a batch the engines stop at the same place (%s)', (_name, mode) => {
  const whole = sealWithBoth(batchOf(mode), 8_000);

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
    const values = Array.from({ length: most }, (_, at) => at + 1);
    // a record takes more bytes of the output than that
    for (const value of most < 1_000 ? values : someOf(values, 17)) {
      reached.add(sealWithBoth(batchOf(mode, { [name]: value }), 8_000).sealed.records);
    }
    expect([...reached].sort((one, other) => one - other)).toEqual(records);
  });

  it('the place and the number of records that are checked, and each bit of one', () => {
    const objects = Buffer.from('{"a":1}\n{"b":"x"}\n{"c":[]}\n', 'latin1');
    const batch = { ...batchOf(mode, { from: 0, to: objects.length }), input: objects };
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
      for (let bit = 8; bit < bytes.length * 8; bit += times(5, 1)) {
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

describe('the salt of a record is what both engines take, or neither (M1.12, M1.13)', () => {
  const [salt, other] = [random.salts(1), random.salts(1)];
  const head = '{"a":1,';
  const start = '"integrity":{"seq":7';
  const end = ',"key_id":"AbCdEf_-.42","hash":"';
  const sha256 = (text: string | Buffer): string => hash('sha256', text, 'base64url');
  const commit = `,"commit":"${sha256(Buffer.concat([Buffer.of(2), salt, Buffer.from(head)]))}"`;
  const text = salt.toString('base64url');
  const own = `,"salt":"${text}"`;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const next = alphabet[alphabet.indexOf(text.at(-1) as string) + 1] as string;
  const authOf = (leaf: string): string => sha256(`\0${leaf}`);
  const shown = (members: string): string => `${head}${start}${members}${end}`;
  const saltedAuth = authOf(`{${start}${commit}${end}`);
  const none = [0, 0, 0, 0];
  const members = {
    'its salt': own,
    'another salt': `,"salt":"${other.toString('base64url')}"`,
    'a last character that has more bits': `,"salt":"${text.slice(0, -1)}${next}"`,
    'a salt that is too short': `,"salt":"${text.slice(0, -1)}"`,
    'a salt that is too long': `,"salt":"${text}A"`,
    'a salt with padding': `,"salt":"${text}=="`,
    'a salt in the other alphabet': `,"salt":"${'+'.repeat(21)}A"`,
    'an empty salt': ',"salt":""',
    'two salts': own + own,
    'no salt': '',
    'a commit': commit,
    'a commit and a salt': commit + own,
    'a salt and a commit': own + commit,
    'a salt before the wrapping': `${own},"as":"text"`,
  };

  it.each(Object.entries(members))('%s', (name, some) => {
    const auths = { salted: saltedAuth, shown: authOf(shown(some)) };
    const counts = modes
      .filter(([, { key }]) => key === undefined)
      .map(([, mode]) =>
        Object.values(auths).flatMap((auth) => {
          const bytes = Buffer.from(`\n${shown(some)}${auth}"}}\n`, 'latin1');
          const how = { tree: true, records: 1, from: 1, to: bytes.length, skipped: 0 };
          return [true, false].map((checksAuth) => checkWithBoth(batchOf(mode), bytes, { ...how, checksAuth }).records);
        }),
      );
    // with the auth of the salted record checked and not, then with that of the bytes that the line shows
    const [plain, salted] = {
      'its salt': [none, [1, 1, 0, 1]],
      'another salt': [none, [0, 1, 0, 1]],
      'no salt': [[0, 1, 1, 1], none],
    }[name] ?? [none, none];
    expect(counts).toEqual([plain, salted]);
  });

  it('an erased record is of neither', () => {
    const bytes = Buffer.from(`\n{${start}${commit}${end}${saltedAuth}"}}\n`, 'latin1');
    for (const [, mode] of modes) {
      const how = { checksAuth: false, tree: true, records: 1, from: 1, to: bytes.length, skipped: 0 };
      expect(checkWithBoth(batchOf(mode), bytes, how).records).toBe(0);
    }
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
      const lengths = [
        ...someOf(
          Array.from({ length: 4_096 }, (_, length) => length),
          5,
        ),
        ...around,
      ];
      for (let next = 0; next < lengths.length; next += 64) {
        const lines = lengths.slice(next, next + 64).map((length) => Buffer.from(`${forms[form](length)}\n`, 'latin1'));
        const all = Buffer.concat(lines);
        for (const [, mode] of modes) {
          const limits = {
            from: 0,
            to: all.length,
            inputBytes: all.length,
            maxLineBytes: 2 ** 21,
            limit: 2 ** 24,
            lineLimit: 2 ** 24,
          };
          const room = all.length * 2 + lines.length * 300;
          const batch = { ...batchOf(mode, limits), input: all };
          expect(sealWithBoth(batch, room).sealed.records).toBe(lines.length);
        }
      }
    },
  );
});
