/** `Buffer` of Node.js, as far as the verifier uses it. */

type Encoding = 'utf8' | 'latin1' | 'hex' | 'base64' | 'base64url';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
/** So many arguments a call may have in every browser. */
const SPREAD = 8192;

/** Without its `from`, which is another one here. */
const Bytes: new (from: number | ArrayBufferLike, offset?: number, length?: number) => Uint8Array<ArrayBuffer> =
  Uint8Array;

export class Buffer extends Bytes {
  static alloc(size: number, fill = 0): Buffer {
    const bytes = new Buffer(size);
    bytes.fill(fill);
    return bytes;
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(size);
  }

  static allocUnsafeSlow(size: number): Buffer {
    return new Buffer(size);
  }

  static from(
    from: string | ArrayBufferLike | ArrayLike<number>,
    encodingOrOffset?: string | number,
    length?: number,
  ): Buffer {
    if (typeof from === 'string') return encode(from, (encodingOrOffset ?? 'utf8') as Encoding);
    if (from instanceof ArrayBuffer) return new Buffer(from, encodingOrOffset as number | undefined, length);
    const { length: size } = from as ArrayLike<number>;
    const copy = new Buffer(size);
    copy.set(from as ArrayLike<number>);
    return copy;
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static byteLength(text: string): number {
    return encoder.encode(text).length;
  }

  static concat(list: readonly Uint8Array[], total: number = list.reduce((sum, one) => sum + one.length, 0)): Buffer {
    const all = new Buffer(total);
    let at = 0;
    for (const one of list) {
      if (at >= total) break;
      all.set(one.length > total - at ? one.subarray(0, total - at) : one, at);
      at += one.length;
    }
    return all;
  }

  override toString(encoding: string = 'utf8', start = 0, end: number = this.length): string {
    const bytes = start <= 0 && end >= this.length ? this : this.subarray(Math.max(start, 0), Math.max(end, start, 0));
    switch (encoding) {
      case 'utf8':
        return decoder.decode(bytes);
      case 'latin1':
        return latin1(bytes);
      case 'hex':
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      case 'base64':
        return btoa(latin1(bytes));
      case 'base64url':
        return btoa(latin1(bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
      default:
        throw new TypeError(`no encoding ${encoding}`);
    }
  }

  /** As Node's `write(text, offset, [length], encoding)`. */
  write(text: string, offset: number, lengthOrEncoding: number | string, encoding?: string): number {
    const bytes = Buffer.from(text, encoding ?? String(lengthOrEncoding));
    const limit = typeof lengthOrEncoding === 'number' ? lengthOrEncoding : bytes.length;
    const count = Math.min(this.length - offset, limit, bytes.length);
    this.set(bytes.subarray(0, count), offset);
    return count;
  }

  equals(other: Uint8Array): boolean {
    if (other.length !== this.length) return false;
    for (let at = 0; at < this.length; at++) if (this[at] !== other[at]) return false;
    return true;
  }

  compare(
    other: Uint8Array,
    otherStart = 0,
    otherEnd: number = other.length,
    start = 0,
    end: number = this.length,
  ): -1 | 0 | 1 {
    const shorter = Math.min(end - start, otherEnd - otherStart);
    for (let at = 0; at < shorter; at++) {
      const difference = (this[start + at] as number) - (other[otherStart + at] as number);
      if (difference !== 0) return difference < 0 ? -1 : 1;
    }
    const longer = end - start - (otherEnd - otherStart);
    return longer === 0 ? 0 : longer < 0 ? -1 : 1;
  }

  copy(target: Uint8Array, targetStart = 0, start = 0, end: number = this.length): number {
    const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
    target.set(part, targetStart);
    return part.length;
  }

  override indexOf(value: number | string | Uint8Array, from = 0): number {
    if (typeof value === 'number') return super.indexOf(value, from);
    const wanted = typeof value === 'string' ? encode(value, 'latin1') : value;
    const start = from < 0 ? Math.max(this.length + from, 0) : from;
    const first = wanted[0];
    if (first === undefined) return Math.min(start, this.length);
    for (let at = super.indexOf(first, start); at >= 0; at = super.indexOf(first, at + 1)) {
      if (at + wanted.length > this.length) return -1;
      let same = 1;
      while (same < wanted.length && this[at + same] === wanted[same]) same++;
      if (same === wanted.length) return at;
    }
    return -1;
  }

  override includes(value: number | string | Uint8Array, from = 0): boolean {
    return this.indexOf(value, from) >= 0;
  }

  /** A view, as that of Node's `Buffer`. */
  override slice(start?: number, end?: number): Buffer {
    return this.subarray(start, end);
  }

  override subarray(start = 0, end: number = this.length): Buffer {
    const inside = (at: number): number => Math.min(Math.max(at < 0 ? at + this.length : at, 0), this.length);
    const from = inside(start);
    return new Buffer(this.buffer, this.byteOffset + from, Math.max(inside(end) - from, 0));
  }

  readUInt16LE(at: number): number {
    return this.#view().getUint16(at, true);
  }

  readUInt32LE(at: number): number {
    return this.#view().getUint32(at, true);
  }

  readUIntBE(at: number, length: number): number {
    let value = 0;
    for (let byte = 0; byte < length; byte++) value = value * 256 + (this[at + byte] as number);
    return value;
  }

  readBigUInt64BE(at = 0): bigint {
    return new DataView(this.buffer, this.byteOffset + at, 8).getBigUint64(0);
  }

  writeBigUInt64BE(value: bigint, at = 0): number {
    this.#view().setBigUint64(at, value);
    return at + 8;
  }

  #view(): DataView {
    return new DataView(this.buffer, this.byteOffset, this.byteLength);
  }
}

function latin1(bytes: Uint8Array): string {
  if (bytes.length <= SPREAD) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = '';
  for (let at = 0; at < bytes.length; at += SPREAD)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + SPREAD) as unknown as number[]);
  return text;
}

function encode(text: string, encoding: Encoding): Buffer {
  switch (encoding) {
    case 'utf8': {
      const bytes = encoder.encode(text);
      return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    case 'latin1':
      return fromLatin1(text);
    case 'hex':
      return Buffer.from((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
    case 'base64':
      return fromBase64(text);
    case 'base64url':
      return /[+/=]/.test(text) ? new Buffer(0) : fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'));
    default:
      throw new TypeError(`no encoding ${String(encoding)}`);
  }
}

function fromLatin1(text: string): Buffer {
  const bytes = new Buffer(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** What is no base64 gives no bytes, where Node passes over it: the verifier takes no text but the one spelling of its bytes. */
function fromBase64(text: string): Buffer {
  try {
    return fromLatin1(atob(text));
  } catch (error) {
    if (error instanceof DOMException) return new Buffer(0);
    throw error;
  }
}
