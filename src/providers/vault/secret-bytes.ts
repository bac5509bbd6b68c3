import { TamperError } from '../../errors.ts';
import { Secret } from '../../keys/secret.ts';

// A JavaScript string cannot be overwritten. Tokens, secret ids and data keys therefore go from the wire to a Buffer and
// from a Buffer to the wire without one.

/** What a request body may hold. */
export type BodyValue = string | number | boolean | undefined | readonly (BodyItem | string)[] | Secret;
/** One item of `batch_input`. */
export type BodyItem = Readonly<Record<string, string>>;

const quote = 0x22;
const backslash = 0x5c;

/**
 * Writes a JSON object, secrets included, into a Buffer that the caller overwrites after use.
 *
 * @throws {TamperError} `UNAUTHENTICATED`: a secret holds bytes that no credential has
 */
export function encodeBody(members: Readonly<Record<string, BodyValue>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (value === undefined) continue;
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    if (value instanceof Secret) parts.push(quoted(value, name));
    else parts.push(Buffer.from(JSON.stringify(value)));
  }
  const body = Buffer.concat([...(parts.length === 0 ? [Buffer.from('{')] : parts), Buffer.from('}')]);
  for (const part of parts) part.fill(0);
  return body;
}

function quoted(secret: Secret, name: string): Buffer {
  return secret.use((bytes) => {
    assertPlain(bytes, name);
    return Buffer.concat([Buffer.of(quote), bytes, Buffer.of(quote)]);
  });
}

/** Credentials are printable ASCII; anything else is a damaged file and would end in somebody's error message. */
export function assertPlain(bytes: Uint8Array, what: string): void {
  const plain = bytes.every((byte) => byte > 0x20 && byte < 0x7f && byte !== quote && byte !== backslash);
  if (bytes.length > 0 && plain) return;
  throw new TamperError('UNAUTHENTICATED', `${what} is ${bytes.length === 0 ? 'empty' : 'not printable ASCII'}`, {
    hint: 'Check the file or variable that it comes from.',
  });
}

/**
 * Takes the value of a string member out of a JSON text and overwrites it there, wherever it stands.
 *
 * @returns undefined where there is no such member
 * @throws {TamperError} `RESPONSE_MALFORMED`: the value has escapes, which no credential has
 */
export function takeSecret(body: Uint8Array, member: string): Secret | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const name = Buffer.from(`"${member}"`);
  let taken: Secret | undefined;
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const start = startOfString(text, at + name.length);
    if (start === undefined) continue;
    const end = text.indexOf(quote, start);
    const value = text.subarray(start, end === -1 ? text.length : end);
    const escaped = value.includes(backslash) || end === -1;
    taken ??= escaped ? undefined : new Secret(value);
    value.fill(0x78);
    if (escaped) throw new TamperError('RESPONSE_MALFORMED', `Vault's answer has an unreadable "${member}"`);
  }
  return taken;
}

function startOfString(text: Buffer, afterName: number): number | undefined {
  let at = afterName;
  const skipBlank = (): void => {
    while ([0x20, 0x09, 0x0a, 0x0d].includes(text[at] ?? 0)) at += 1;
  };
  skipBlank();
  if (text[at] !== 0x3a) return undefined; // :
  at += 1;
  skipBlank();
  return text[at] === quote ? at + 1 : undefined;
}

/** Overwrites every occurrence of a secret in a text that the server sent. */
export function scrub(body: Uint8Array, secrets: readonly Secret[]): void {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (const secret of secrets) {
    if (secret.length < 4) continue;
    secret.use((bytes) => {
      // from the next byte on: a secret may be made of what it is overwritten with, or be put together by that
      for (let at = text.indexOf(bytes); at !== -1; at = text.indexOf(bytes, at + 1)) {
        text.fill(0x78, at, at + bytes.length);
      }
    });
  }
}

const base64Alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const base64Values = new Map([...base64Alphabet].map((character, value) => [character, value]));
const base64Padding = 0x3d; // =

/** Standard padded base64, from bytes to bytes: for secrets, which must not become strings. */
export function encodeBase64(bytes: Uint8Array): Buffer {
  const text = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, base64Padding);
  for (let at = 0, out = 0; at < bytes.length; at += 3, out += 4) {
    const left = bytes.length - at;
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const characters = left >= 3 ? 4 : left + 1;
    for (let index = 0; index < characters; index += 1) {
      text[out + index] = base64Alphabet[(bits >> (18 - 6 * index)) & 63] ?? 0;
    }
  }
  return text;
}

/**
 * The reverse of {@link encodeBase64}, strictly: canonical, padded.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`
 */
export function decodeBase64(text: Uint8Array): Buffer {
  const pads = text.at(-1) !== base64Padding ? 0 : text.at(-2) === base64Padding ? 2 : 1;
  const bytes = Buffer.alloc(Math.max(0, (text.length / 4) * 3 - pads) | 0);
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = at >= text.length - pads ? 0 : base64Values.get(text[at] ?? 0);
    if (value === undefined || text.length % 4 !== 0) throw notBase64(bytes);
    bits = ((bits << 6) | value) & 0xffffff;
    if (at % 4 === 3)
      for (let index = 0; index < 3; index += 1) put(bytes, ((at - 3) / 4) * 3 + index, bits >> (16 - 8 * index));
  }
  const again = encodeBase64(bytes);
  const canonical = again.equals(text);
  again.fill(0);
  if (!canonical) throw notBase64(bytes);
  return bytes;
}

function put(bytes: Buffer, at: number, value: number): void {
  if (at < bytes.length) bytes[at] = value & 0xff;
}

function notBase64(bytes: Buffer): TamperError {
  bytes.fill(0);
  return new TamperError('RESPONSE_MALFORMED', "Vault's answer has a value that is not base64");
}
