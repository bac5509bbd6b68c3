import { createHash, createPublicKey, verify } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';

/** A verifier of COSE receipts, written from RFC 8949, 9052, 9162 and 9942 with none of the code under test. */

type Value =
  | number
  | string
  | Buffer
  | null
  | Value[]
  | Map<Value, Value>
  | { readonly tag: number; readonly value: Value };

/** Decodes deterministic CBOR, and refuses everything else. */
function decodeCbor(bytes: Buffer): Value {
  const { value, end } = item(bytes, 0);
  if (end !== bytes.length) throw new Error('bytes after the end');
  return value;
}

function item(bytes: Buffer, at: number): { value: Value; end: number } {
  const first = bytes.readUInt8(at);
  const [type, low] = [first >> 5, first & 31];
  if (type === 7) {
    if (low !== 22) throw new Error('a simple value that is not nil');
    return { value: null, end: at + 1 };
  }
  if (low > 27) throw new Error('no definite length');
  const width = low < 24 ? 0 : 2 ** (low - 24);
  const argument = low < 24 ? low : Number(BigInt(`0x${bytes.subarray(at + 1, at + 1 + width).toString('hex')}`));
  const least = width === 1 ? 24 : 256 ** (width / 2);
  if (width > 0 && argument < least) throw new Error('a length that is not the shortest');
  let end = at + 1 + width;
  const next = (): Value => {
    const read = item(bytes, end);
    end = read.end;
    return read.value;
  };
  const take = (): Buffer => {
    if (end + argument > bytes.length) throw new Error('the bytes end early');
    end += argument;
    return bytes.subarray(end - argument, end);
  };
  switch (type) {
    case 0:
      return { value: argument, end };
    case 1:
      return { value: -1 - argument, end };
    case 2:
      return { value: take(), end };
    case 3:
      return { value: new TextDecoder('utf-8', { fatal: true }).decode(take()), end };
    case 4:
      return { value: Array.from({ length: argument }, next), end };
    case 6:
      return { value: { tag: argument, value: next() }, end };
    default: {
      const map = new Map<Value, Value>();
      let before: Buffer | undefined;
      for (let pair = 0; pair < argument; pair++) {
        const start = end;
        const key = next();
        const spelled = bytes.subarray(start, end);
        if (before !== undefined && Buffer.compare(before, spelled) >= 0) throw new Error('keys out of order');
        before = spelled;
        map.set(key, next());
      }
      return { value: map, end };
    }
  }
}

type Encodable = number | string | null | Buffer | readonly Encodable[] | ReadonlyMap<number, Encodable>;

/** Encodes as RFC 8949 section 4.2.1 says; the keys of a map must come in order. */
export function encodeValue(value: Encodable): Buffer {
  const head = (type: number, argument: number): Buffer => {
    if (argument < 24) return Buffer.of(type * 32 + argument);
    if (argument < 256) return Buffer.of(type * 32 + 24, argument);
    return Buffer.of(type * 32 + 25, argument >> 8, argument & 255);
  };
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const isMap = value instanceof Map;
  const items = isMap ? [...(value as ReadonlyMap<number, Encodable>)].flat() : (value as readonly Encodable[]);
  const count = isMap ? head(5, items.length / 2) : head(4, items.length);
  return Buffer.concat([count, ...items.map(encodeValue)]);
}

const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 9162, 2.1.3.2, up to the root. */
function rootAbove(leaf: Uint8Array, index: number, size: number, path: readonly Buffer[]): Buffer {
  if (index >= size) throw new Error('the index is not below the size');
  let [fn, sn, root] = [index, size - 1, sha256(Buffer.of(0), leaf)];
  for (const sibling of path) {
    if (sn === 0) throw new Error('the path is too long');
    if (fn % 2 === 1 || fn === sn) {
      root = sha256(Buffer.of(1), sibling, root);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else root = sha256(Buffer.of(1), root, sibling);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  if (sn !== 0) throw new Error('the path is too short');
  return root;
}

const DIGESTS: Readonly<Record<number, string | null>> = {
  [-7]: 'sha256',
  [-8]: null,
  [-35]: 'sha384',
  [-37]: 'sha256',
  [-257]: 'sha256',
};
const PSS = { padding: 6, saltLength: 32 };

function isSigned(alg: number, spki: Buffer, message: Buffer, signature: Buffer): boolean {
  const raw = spki.subarray(spki.length - (alg === -48 ? 1312 : 1952)); // the BIT STRING is the last of an SPKI
  if (alg === -48) return ml_dsa44.verify(new Uint8Array(signature), new Uint8Array(message), new Uint8Array(raw));
  if (alg === -49) return ml_dsa65.verify(new Uint8Array(signature), new Uint8Array(message), new Uint8Array(raw));
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const digest = DIGESTS[alg];
  if (digest === undefined) throw new Error(`no algorithm ${alg}`);
  return verify(digest, message, { key, dsaEncoding: 'ieee-p1363', ...(alg === -37 && PSS) }, signature);
}

/** What a receipt says. */
export interface OpenedReceipt {
  readonly alg: number;
  readonly kid: Buffer;
  readonly issuer: string;
  readonly size: number;
  readonly index: number;
  readonly path: readonly Buffer[];
  readonly signature: Buffer;
  readonly root: string;
}

/** Checks a receipt of a leaf with a public key. @throws where anything is not as it must be */
export function openReceipt(receipt: Uint8Array, leaf: Uint8Array, spki: Buffer): OpenedReceipt {
  const { tag, value } = decodeCbor(Buffer.from(receipt)) as { tag: number; value: Value[] };
  const [header, unprotected, payload, signature] = value as [Buffer, Map<number, Map<number, Buffer[]>>, null, Buffer];
  const claims = decodeCbor(header) as Map<number, unknown>;
  if (tag !== 18 || value.length !== 4 || payload !== null) throw new Error('not a COSE_Sign1 without its payload');
  if ([...claims.keys()].join() !== '1,4,15,395' || claims.get(395) !== 1) throw new Error('another header');
  if ([...unprotected.keys()].join() !== '396') throw new Error('another unprotected header');
  const proofs = unprotected.get(396) as Map<number, Buffer[]>;
  const [proof, ...more] = proofs.get(-1) as Buffer[];
  if (proofs.size !== 1 || proof === undefined || more.length > 0) throw new Error('not one inclusion proof');
  const [size, index, path, ...rest] = decodeCbor(proof) as [number, number, Buffer[]];
  if (rest.length > 0 || path.some((hash) => hash.length !== 32)) throw new Error('another inclusion proof');
  const root = rootAbove(leaf, index, size, path);
  if (header.length < 24 || header.length > 255) throw new Error('the test spells no other length of a header');
  const message = Buffer.concat([
    Buffer.from('\x84\x6aSignature1', 'latin1'),
    Buffer.of(0x58, header.length),
    header,
    Buffer.of(0x40, 0x58, 0x20),
    root,
  ]);
  const alg = claims.get(1) as number;
  if (!isSigned(alg, spki, message, signature)) throw new Error('the signature is not one over this root');
  const issuer = (claims.get(15) as Map<number, string>).get(1) as string;
  return { alg, kid: claims.get(4) as Buffer, issuer, size, index, path, signature, root: root.toString('base64') };
}
