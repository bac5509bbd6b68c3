import type { FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { systemCode, TamperError } from '../../errors.ts';
import { decodeBase64url, encodeBase64url } from '../../format/base64.ts';
import { openRegular } from '../../foundation/regular-file.ts';
import { base64Text } from '../../keys/new-key-files.ts';
import { readKeyFile } from '../../providers/internal/key-file.ts';
import { decodeText } from '../../providers/internal/key-text.ts';
import type { RecoveredDataKey } from '../../verify/data-keys/recovered-data-keys.ts';

/**
 * The file of `keys recover`, version 1: a head that says how many keys follow, then one line for each:
 *
 *     {"fapilog-tamper":"recovered data keys","version":1,"keys":2}
 *     BASE64 {"origin":S,"key_id":KID,"source":S,"identity":S,"named":S,"fp":B}
 *
 * BASE64 is the key, 32 bytes, padded; no string is ever made of it. The rest is one spelling of JSON, so that the file formats
 * back to the bytes that it was read from; one that was not written to its end is refused.
 */

const HEAD = '{"fapilog-tamper":"recovered data keys","version":';
const VERSION = 1;
/** The length of a key's text, in bytes. */
const KEY_TEXT = 44;
/** As many key periods as a verifier reads, each with long names (docs/decisions/limits.md); in bytes. */
const LIMIT: number = 64 * 2 ** 20;
const [LF, SPACE] = [0x0a, 0x20];

const text = v.pipe(v.string(), v.nonEmpty());
const schema = v.strictObject({
  origin: text,
  key_id: text,
  source: text,
  identity: text,
  named: text,
  fp: text,
});

function headText(version: string | number, keys: number): string {
  return `${HEAD}${version},"keys":${keys}}`;
}

function namesText({ origin, kid, source, identity, named, fp }: RecoveredDataKey): string {
  return JSON.stringify({ origin, key_id: kid, source, identity, named, fp: encodeBase64url(fp) });
}

/** Whether bytes begin as such a file of whatever version. */
function isRecoveredKeyFile(bytes: Uint8Array): boolean {
  return Buffer.from(HEAD).equals(bytes.subarray(0, HEAD.length));
}

/** The file with these keys, in memory of its own, which the caller overwrites. */
export function formatRecoveredKeys(keys: readonly RecoveredDataKey[]): Buffer {
  const head = Buffer.from(`${headText(VERSION, keys.length)}\n`);
  const names = keys.map((key) => Buffer.from(` ${namesText(key)}\n`));
  const bytes = Buffer.alloc(head.length + names.reduce((sum, { length }) => sum + KEY_TEXT + length, 0));
  let at = head.copy(bytes);
  for (const [index, { material }] of keys.entries()) {
    const own = base64Text(material, KEY_TEXT);
    at += own.copy(bytes, at, 0, KEY_TEXT);
    own.fill(0);
    at += names[index]?.copy(bytes, at) ?? 0;
  }
  return bytes;
}

/**
 * Reads such a file.
 *
 * @param place - the file, for messages
 * @returns keys in memory of their own, for the caller to overwrite; `bytes` stays the caller's
 * @throws {@link TamperError} `KEY_MALFORMED`, whose message quotes nothing of the file
 */
export function parseRecoveredKeys(bytes: Buffer, place: string, givenBy?: string): RecoveredDataKey[] {
  const keys: RecoveredDataKey[] = [];
  try {
    const end = bytes.indexOf(LF);
    const head = bytes.toString('latin1', 0, Math.max(end, 0));
    const [, version, count] =
      /^\{"fapilog-tamper":"recovered data keys","version":(\d{1,6}),"keys":(\d{1,9})\}$/.exec(head) ?? [];
    if (version === undefined) throw malformed(place, 'does not begin as one');
    if (version !== String(VERSION)) {
      throw malformed(place, `is of version ${version}, and this program reads version ${VERSION}`);
    }
    let number = 1;
    for (let at = end + 1; at < bytes.length; ) {
      const lf = bytes.indexOf(LF, at);
      number++;
      if (lf < 0) throw malformed(place, 'ends inside a line: it was not written to its end');
      keys.push(parseLine(bytes.subarray(at, lf), `${place}:${number}`, givenBy));
      at = lf + 1;
    }
    if (count !== String(keys.length)) {
      throw malformed(place, `holds ${keys.length} keys instead of ${count}: it was not written to its end`);
    }
    const periods = new Set(keys.map(({ origin, kid, fp }) => `${origin} ${kid} ${fp.toString('hex')}`));
    if (periods.size < keys.length) throw malformed(place, 'holds two keys for one key period');
    return keys;
  } catch (error) {
    eraseRecovered(keys);
    throw error;
  }
}

function parseLine(line: Buffer, place: string, givenBy: string | undefined): RecoveredDataKey {
  const material = line[KEY_TEXT] === SPACE ? decodeText(line.subarray(0, KEY_TEXT)) : undefined;
  try {
    const rest = line.subarray(KEY_TEXT + 1);
    if (material?.length !== 32 || material.every((byte) => byte === 0)) throw malformed(place, 'begins with no key');
    const names = v.safeParse(schema, jsonOf(rest.toString('utf8')));
    const fp = names.success ? decodeBase64url(names.output.fp) : undefined;
    if (!names.success || fp?.length !== 32) throw malformed(place, 'does not say whose key it is');
    const { origin, key_id: kid, source, identity, named } = names.output;
    const copy = Buffer.alloc(material.length);
    copy.set(material);
    const key: RecoveredDataKey = {
      origin,
      kid,
      source,
      identity,
      named,
      fp,
      material: copy,
      ...(givenBy !== undefined && { givenBy }),
    };
    const again = formatRecoveredKeys([key]);
    const same = again.subarray(again.indexOf(LF) + 1, -1).equals(line);
    again.fill(0);
    if (same) return key;
    copy.fill(0);
    throw malformed(place, 'is not in the form that this program writes');
  } finally {
    material?.fill(0);
  }
}

/** No message of the parser's is kept: it quotes the text. */
function jsonOf(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function malformed(place: string, problem: string): TamperError {
  return new TamperError('KEY_MALFORMED', `the file of recovered data keys ${place} ${problem}`, {
    hint: 'Make it again: fapilog-tamper keys recover PATH --out FILE',
  });
}

/** What the first bytes of a file say that was named for data keys. */
export type KeyFileKind = 'recovered data keys' | 'public key' | 'private key' | 'unknown';

/** What kind of key file is at a path. One that cannot be opened is unknown: reading it later says why. */
export async function keyFileKindAt(path: string): Promise<KeyFileKind> {
  const head = Buffer.alloc(HEAD.length); // it may be a key itself
  let file: FileHandle | undefined;
  try {
    file = await openRegular(path);
    await file.read(head, 0, head.length, 0);
    if (isRecoveredKeyFile(head)) return 'recovered data keys';
    if (!head.includes('-----BEGIN')) return 'unknown';
    if (head.includes('PUBLIC KEY-----')) return 'public key';
    return head.includes('PRIVATE KEY-----') ? 'private key' : 'unknown';
  } catch (error) {
    if (systemCode(error) === '') throw error;
    return 'unknown';
  } finally {
    head.fill(0);
    await file?.close();
  }
}

/** Reads the keys of a file that nobody but its owner may read. @throws {@link TamperError} as {@link parseRecoveredKeys}, and what a key file is refused with */
export async function readRecoveredKeys(path: string, givenBy: string): Promise<RecoveredDataKey[]> {
  const bytes = await readKeyFile(path, LIMIT);
  try {
    return parseRecoveredKeys(bytes, path, givenBy);
  } finally {
    bytes.fill(0);
  }
}

/** Overwrites keys. */
export function eraseRecovered(keys: readonly RecoveredDataKey[]): void {
  for (const { material } of keys) material.fill(0);
}
