import type { Random } from './random.ts';

/** Small changes of bytes, as a fuzzer makes them: one is rarely enough to get past a parser, several in a row may be. */

const numbers = [
  '0',
  '1',
  '-1',
  '00',
  '1e3',
  '16',
  '65536',
  '16777216',
  '2147483648',
  '9007199254740991',
  '9007199254740992',
];
const bytes = Buffer.from('\0\n\r\t "\'\\{}[],:.+-*&!#=_/0123456789AZaz\x7f\x80\xc3\xe2\xff', 'latin1');

type Change = (input: Buffer, random: Random, tokens: readonly Buffer[], other: Buffer) => Buffer;

function spot(input: Buffer, random: Random): readonly [number, number] {
  const from = random.below(input.length + 1);
  return [from, Math.min(input.length, from + 1 + random.below(random.pick([1, 4, 16, 256])))];
}

const splice = (input: Buffer, from: number, to: number, put: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, from), put, input.subarray(to)]);

const changes: readonly Change[] = [
  (input, random) => {
    const [from] = spot(input, random);
    const flipped = Buffer.from(input);
    if (from < flipped.length) flipped[from] = (flipped[from] as number) ^ (1 << random.below(8));
    return flipped;
  },
  (input, random) => {
    const [from] = spot(input, random);
    return splice(input, from, from + 1, bytes.subarray(random.below(bytes.length)).subarray(0, 1));
  },
  (input, random) => splice(input, ...spot(input, random), Buffer.alloc(0)),
  (input, random) => {
    const [from, to] = spot(input, random);
    const times = random.pick([1, 1, 2, 20]);
    return splice(input, from, from, Buffer.concat(Array<Buffer>(times).fill(input.subarray(from, to))));
  },
  (input, random) => {
    const [from, to] = spot(input, random);
    const at = random.below(input.length + 1);
    return splice(input, at, at, Buffer.from(input.subarray(from, to)));
  },
  (input, random, tokens) => {
    const [from, to] = spot(input, random);
    const token = tokens.length === 0 ? bytes : random.pick(tokens);
    return splice(input, from, random.below(2) === 0 ? from : to, token);
  },
  (input, random) => {
    const text = input.toString('latin1');
    const found = [...text.matchAll(/\d+/g)];
    if (found.length === 0) return input;
    const match = random.pick(found);
    return splice(input, match.index, match.index + match[0].length, Buffer.from(random.pick(numbers)));
  },
  (input, random, _tokens, other) => {
    const [from, to] = spot(other, random);
    const [at, end] = spot(input, random);
    return splice(input, at, random.below(2) === 0 ? at : end, other.subarray(from, to));
  },
  (input, random, _tokens, other) =>
    Buffer.concat([input.subarray(0, spot(input, random)[0]), other.subarray(spot(other, random)[0])]),
];

/** One to eight changes in a row. `other` is another input to take from. */
export function mutate(input: Buffer, random: Random, tokens: readonly Buffer[], other: Buffer, limit: number): Buffer {
  let changed = input;
  for (let left = 1 + random.below(random.pick([1, 3, 8])); left > 0; left--) {
    changed = random.pick(changes)(changed, random, tokens, other);
  }
  return changed.length > limit ? changed.subarray(0, limit) : changed;
}
