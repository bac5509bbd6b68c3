import { decodeBase64 } from './base64.ts';
import {
  decodeUtf8,
  followsRecordHead,
  formatRecordMember,
  isJson,
  isJsonSpace,
  type RecordLine,
  TAIL_LENGTH,
} from './entry.ts';

/** From input line to record and back (spec 1, "From input to record"). The way there is injective. */

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const CR = 0x0d;

/** How an input line goes into a record: `object` as it is, `text` or `base64` wrapped. */
export type InputForm = 'object' | 'text' | 'base64';

/** The end of an input line without the one CR that may stand before its LF. */
export function trimInputLine(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === CR ? end - 1 : end;
}

/** How `line` (without LF, and without its CR) goes into a record (M1.9). */
export function inputForm(line: Buffer): InputForm {
  const text = decodeUtf8(line);
  if (text === undefined || line.includes(0)) return 'base64';
  if (line[0] === OPEN_BRACE && line[line.length - 1] === CLOSE_BRACE && isJson(text)) return 'object';
  return 'text';
}

/** Whether only JSON white space stands between the braces of an object, so that no comma goes before our member. */
function isEmptyObject(line: Buffer): boolean {
  let at = line.length - 2;
  while (at > 0 && isJsonSpace(line[at])) at--;
  return at === 0;
}

/** What stands before our member in the record of an input line. */
export function recordHead(line: Buffer, form: InputForm): Buffer {
  switch (form) {
    case 'object':
      return isEmptyObject(line)
        ? line.subarray(0, line.length - 1)
        : Buffer.concat([line.subarray(0, line.length - 1), Buffer.from(',', 'latin1')]);
    case 'text':
      return Buffer.from(`{"line":${JSON.stringify(line.toString('utf8'))},`, 'utf8');
    case 'base64':
      return base64Head(line);
  }
}

/** What is encoded at once, in bytes; a multiple of three. A longer string would wait for a collection of the whole heap. */
const ENCODED = 49_152;

function base64Head(line: Buffer): Buffer {
  const head = Buffer.allocUnsafeSlow('{"line":"'.length + 4 * Math.ceil(line.length / 3) + '",'.length);
  let at = head.write('{"line":"', 0, 'latin1');
  for (let from = 0; from < line.length; from += ENCODED) {
    at += head.write(line.toString('base64', from, Math.min(from + ENCODED, line.length)), at, 'latin1');
  }
  head.write('",', at, 'latin1');
  return head;
}

/** The leaf of a wrapped record that holds exactly this value. */
function wrappedHead(value: string): string {
  return `{"line":${JSON.stringify(value)},`;
}

function readWrappedValue(line: Buffer, memberStart: number): string | undefined {
  const head = decodeUtf8(line.subarray(0, memberStart));
  if (head === undefined || !head.startsWith('{"line":"') || !head.endsWith('",')) return undefined;
  const quoted = head.slice(8, -1);
  if (!isJson(quoted)) return undefined;
  const value: unknown = JSON.parse(quoted);
  return typeof value === 'string' && wrappedHead(value) === head ? value : undefined;
}

/**
 * M1.10: The application's own line in a record: its bytes, or undefined of an erased one, and where a record with `as` is not exactly
 * the wrapped form (spec 8.3). A part of a long line gives its part.
 */
export function unwrapRecord(line: Buffer, record: RecordLine): Buffer | undefined {
  if (record.commit !== undefined) return undefined;
  if (record.as === undefined) return unwrapObject(line, record.memberStart);
  const member = formatRecordMember({ ...record, kid: `${record.tag}.${record.epoch}` });
  if (record.memberStart + member.length + TAIL_LENGTH !== line.length) return undefined;
  const value = readWrappedValue(line, record.memberStart);
  if (value === undefined) return undefined;
  if (record.as === 'base64') return decodeBase64(value);
  const bytes = Buffer.from(value, 'utf8');
  // half a surrogate pair is no line's text, and a line with NUL is wrapped as base64 (M1.10)
  return bytes.toString('utf8') === value && !bytes.includes(0) ? bytes : undefined;
}

function unwrapObject(line: Buffer, memberStart: number): Buffer | undefined {
  if (!followsRecordHead(line, memberStart)) return undefined;
  const comma = line[memberStart - 1] === 0x2c;
  return Buffer.concat([line.subarray(0, comma ? memberStart - 1 : memberStart), Uint8Array.of(CLOSE_BRACE)]);
}
