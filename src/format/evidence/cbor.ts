/** CBOR in the one encoding of RFC 8949 section 4.2.1 (E6.3), for what receipts are made of. Nothing reads CBOR here. */

/** A whole number, text, bytes, nil, an array, or a map with whole numbers as its keys. */
export type CborValue = number | string | Uint8Array | null | readonly CborValue[] | ReadonlyMap<number, CborValue>;

const [UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP] = [0, 1, 2, 3, 4, 5];
const NIL = 0xf6;

/** The bytes of a value: every length in its shortest form, the keys of a map in the order of their bytes. */
export function encodeCbor(value: CborValue): Buffer {
  if (value === null) return Buffer.of(NIL);
  if (typeof value === 'number') return value < 0 ? head(NEGATIVE, -1 - value) : head(UNSIGNED, value);
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    return Buffer.concat([head(TEXT, text.length), text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(BYTES, value.length), value]);
  if (value instanceof Map) {
    const members: ReadonlyMap<number, CborValue> = value;
    const pairs = [...members].map(([key, member]) => [encodeCbor(key), encodeCbor(member)] as const);
    return Buffer.concat([head(MAP, pairs.length), ...pairs.sort(([a], [b]) => Buffer.compare(a, b)).flat()]);
  }
  const items = value as readonly CborValue[];
  return Buffer.concat([head(ARRAY, items.length), ...items.map(encodeCbor)]);
}

/** The type, and its argument in as few bytes as it takes: below 24 in the first byte itself, else in 1, 2, 4 or 8 more. */
function head(type: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((type << 5) | argument);
  const bytes = Buffer.alloc(9);
  bytes.writeBigUInt64BE(BigInt(argument), 1);
  const power = [0, 1, 2, 3].find((one) => argument < 256 ** (2 ** one)) ?? 3;
  const start = 8 - 2 ** power;
  bytes[start] = (type << 5) | (24 + power);
  return bytes.subarray(start);
}
