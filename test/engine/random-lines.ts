/** Bytes of a salt (spec 1, M1.12). */
const SALT_LENGTH = 16;

/** A generator of pseudo-random numbers with a seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** One of these. */
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** Bytes of any value but LF. */
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) {
      const byte = this.below(256);
      bytes[at] = byte === 0x0a ? 0x0b : byte;
    }
    return bytes;
  }

  /** Salts of so many records. */
  salts(records: number): Buffer {
    return Buffer.from(Array.from({ length: records * SALT_LENGTH }, () => this.below(256)));
  }
}

const ODD_TEXTS = [
  '{}',
  '{ }',
  '{\t\r}',
  '{}}',
  '{"a":1,}',
  '{"a":1 }',
  ' {"a":1}',
  '{"a":1} ',
  '{"a":01}',
  '{"a":-0}',
  '{"a":-}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":1e5}',
  '{"a":1E+5}',
  '{"a":1e}',
  '{"a":1e-400}',
  '{"a":123456789012345678901234567890}',
  '{"a":"\\u00e9"}',
  '{"a":"\\ud800"}',
  '{"a":"\\uD8"}',
  '{"a":"\\x"}',
  '{"a":"\\"}',
  '{"a":"\t"}',
  '{"a":"\u007f"}',
  '{"a":"\u2028\u2029"}',
  '{"\u00e9":"\u{1f600}"}',
  '{"a":tru}',
  '{"a":true,"b":false,"c":null}',
  '{"a":nulll}',
  '{"a":NaN}',
  '{"a":Infinity}',
  "{'a':1}",
  '{a:1}',
  '{"a"}',
  '{"a":}',
  '{"a":1 "b":2}',
  '{,}',
  '{"a":[]}',
  '{"a":[1,]}',
  '{"a":[1,2,{"b":[ ]}]}',
  '{"a":{"b":{}}}',
  '{"a":[}]',
  '{"a":{]}',
  '{"a":1}{"b":2}',
  '{"a":1,"a":2}',
  '{"a": 1, "b": [1, 2]}',
  '{"a" : 1}',
  '{"a":  1}',
  '[1]',
  '"text"',
  'null',
  '',
  '}',
  '{',
  '\ufeff{"a":1}',
  '{"integrity":{"seq":1}}',
  '{"integrity":{"seq":1,"key_id":"AAAAAAAA.1","mac":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}',
  'plain text, with "quotes" and \\ and \b\f\r\t',
  '\u0000',
  'text with \u0000 in it',
  'a line with CR\r',
  '\r',
  '\r\r',
  '// comment',
  '{"a":1}// comment',
];

function value(random: Random, depth: number): unknown {
  switch (random.below(depth > 4 ? 6 : 8)) {
    case 0:
      return random.below(2) === 0 ? random.below(1_000_000) - 500_000 : random.next() * 1e9;
    case 1:
      return random.of([true, false, null]);
    case 2:
      return 'request completed '.repeat(random.below(8));
    case 3:
      return random.of(['"', '\\', '\b\f\n\r\t', '\u0001', '\u007f', '\u00e9', '\u2028', '\u{1f600}', '\ud800', '']);
    case 4:
      return random.bytes(random.below(12)).toString('latin1');
    case 5:
      return random.next() * 10 ** (random.below(40) - 20);
    case 6:
      return Array.from({ length: random.below(4) }, () => value(random, depth + 1));
    default:
      return object(random, depth + 1);
  }
}

function object(random: Random, depth: number): Record<string, unknown> {
  const members = Array.from({ length: random.below(7) }, () => [
    random.of(['level', 'time', 'msg', 'integrity', 'a"b', '\u00e9', '', `k${random.below(99)}`]),
    value(random, depth),
  ]);
  return Object.fromEntries(members) as Record<string, unknown>;
}

/** A line that is one JSON object, without LF. */
export function objectLine(random: Random): Buffer {
  const spaced = random.below(6) === 0;
  const text = JSON.stringify(object(random, 0), undefined, spaced ? random.of([1, '\t']) : undefined);
  return Buffer.from(text.replaceAll('\n', random.of([' ', '\r', '\t ', ''])), 'utf8');
}

/** A line of any kind, without LF: objects, objects with changed bytes, odd spellings of JSON, text, any bytes. */
export function anyLine(random: Random): Buffer {
  const kind = random.below(20);
  if (kind < 8) return objectLine(random);
  if (kind < 12) return spoilt(random, objectLine(random));
  if (kind < 16) return Buffer.from(random.of(ODD_TEXTS), 'utf8');
  if (kind < 17) return spoilt(random, Buffer.from(random.of(ODD_TEXTS), 'utf8'));
  if (kind < 18) return random.bytes(random.below(300));
  if (kind < 19) return Buffer.from('x'.repeat(random.below(600)), 'latin1');
  return nested(random);
}

/** How long {@link longLine} makes them at most, in bytes. */
export const LONGEST = 1_048_576;

/** What long lines are filled with, each piece a whole number of characters. */
const FILLINGS = [
  'request completed ',
  'x',
  '\u00e9\u20ac\u{1f600}',
  'a\u2028\u2029\u007f',
  '\\"',
  '"',
  '\b\f\t\u0001\u001f',
  'ab\u0000',
].map((piece) => Buffer.from(piece, 'utf8'));

/** A line of any length up to {@link LONGEST}, short ones as likely as long ones, of any kind, without LF. */
export function longLine(random: Random): Buffer {
  const power = 2 ** random.below(21);
  const length = random.of([
    Math.floor(2 ** (20 * random.next())),
    Math.floor(2 ** (20 * random.next())),
    power - 1,
    power,
    Math.min(power + 1, LONGEST),
  ]);
  const line = longLineOf(random, length).subarray(0, LONGEST);
  return random.below(4) === 0 ? spoilt(random, line).subarray(0, LONGEST) : line;
}

function longLineOf(random: Random, length: number): Buffer {
  switch (random.below(6)) {
    case 0:
      return around(random, '{"msg":"', '"}', length);
    case 1:
      return around(random, random.of(['', ' ', '[', '{']), random.of(['', '}', '\r']), length);
    case 2:
      return membersOf(random, length);
    case 3:
      return Buffer.alloc(length, random.bytes(1 + random.below(2_000)));
    case 4: {
      const [open, close] = random.of([
        ['[', ']'],
        ['{"":', '}'],
      ] as const);
      const depth = Math.max(0, Math.floor((length - 6) / (open.length + 1)));
      return Buffer.from(`{"a":${open.repeat(depth)}1${close.repeat(depth)}}`, 'latin1');
    }
    default:
      return Buffer.concat([Buffer.alloc(length, 0x20), Buffer.of(0xff)]);
  }
}

/** What stands between is cut at the length, perhaps within a character: then it is no text. */
function around(random: Random, before: string, after: string, length: number): Buffer {
  const filling = random.of(FILLINGS);
  const room = Math.max(0, length - before.length - after.length);
  const whole = random.below(4) > 0 ? room - (room % filling.length) : room;
  return Buffer.concat([Buffer.from(before, 'utf8'), Buffer.alloc(whole, filling), Buffer.from(after, 'utf8')]);
}

/** An object of about that length, of many members. */
function membersOf(random: Random, length: number): Buffer {
  const members: string[] = [];
  for (let size = 2; size < length; ) {
    const member = `${JSON.stringify(`k${members.length}`)}:${JSON.stringify(value(random, 3))}`;
    members.push(member);
    size += member.length + 1;
  }
  return Buffer.from(`{${members.join(',')}}`.replaceAll('\n', ' '), 'utf8');
}

/** One to three bytes are others, gone, or there twice; never an LF. */
function spoilt(random: Random, line: Buffer): Buffer {
  let bytes = line;
  for (let change = random.below(3); change >= 0 && bytes.length > 0; change--) {
    const at = random.below(bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
    const byte = random.of([
      random.bytes(1),
      Buffer.alloc(0),
      bytes.subarray(at, at + 1),
      Buffer.from(random.of([',', ':', '"', '\\', '{', '}', '[', ']', ' ', '0', '-', 'e', '.', '\u0000', '\u00e9'])),
    ]);
    bytes = Buffer.concat([before, byte, after]);
  }
  return bytes;
}

function nested(random: Random): Buffer {
  const depth = random.of([1, 5, 29, 30, 31, 32, 33, 64, 127, 128, 129, 300]);
  const open = random.of(['{"a":', '[']);
  const close = open === '[' ? ']' : '}';
  const missing = random.below(4) === 0 ? 1 : 0;
  return Buffer.from(`{"a":${open.repeat(depth)}1${close.repeat(depth - missing)}}`, 'latin1');
}
