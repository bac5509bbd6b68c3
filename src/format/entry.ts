/**
 * The lines of a sealed file (spec 1), classified by their end. A line is what stands before its LF; LF is never part of
 * it here.
 *
 *     record      …"integrity":{"seq":SEQ[,"as":…][,"salt":"SALT"],"key_id":"KID","mac|hash":"AUTH"}}
 *     erased      {"integrity":{"seq":SEQ[,"as":…],"commit":"C","key_id":"KID","mac|hash":"AUTH"}}
 *     control     {"integrity":{"seq":SEQ,"kind":"KIND",MEMBERS"key_id":"KID","mac|hash":"AUTH"}}
 *     checkpoint  {"integrity":{"kind":"checkpoint","note":"NOTE"}}
 */

/** What ends the line of an entry: `auth`, `"}}`. What is before it are the leaf bytes, but of a record with a salt (M1.2). */
export const TAIL_LENGTH = 46;
/** The length of a salt in bytes, and of its text in characters of base64url (M1.12). */
export const SALT_LENGTH = 16;
export const SALT_TEXT_LENGTH = 22;
/** A reader takes a control entry or a note of at most this many bytes (spec 8). */
export const CONTROL_LIMIT = 65_536;
/** A writer never emits a control or checkpoint line above this many bytes: Docker, CRI and shippers cut there (M1.8). */
export const CONTROL_WRITE_LIMIT = 16_000;

/** The member that holds an entry's authenticator. */
export type AuthMember = 'mac' | 'hash';
/** How a record's line was wrapped; absent for an object of the application. */
export type Wrapping = 'text' | 'base64';

interface Sealed {
  readonly seq: number;
  readonly tag: string;
  readonly epoch: number;
  readonly member: AuthMember;
  /** 43 base64url characters. */
  readonly auth: string;
}

/** A line of the application. */
export interface RecordLine extends Sealed {
  readonly type: 'record';
  readonly as: Wrapping | undefined;
  readonly part: number | undefined;
  readonly last: boolean;
  /** 22 base64url characters; undefined in a key period without salts, and of an erased record. */
  readonly salt: string | undefined;
  /** What is left of an erased record: C of M1.12, 43 base64url characters; undefined of any other. */
  readonly commit: string | undefined;
  /** Offset in the line of `"integrity"`, the start of our member. */
  readonly memberStart: number;
}

/** A line of ours that is a leaf. Its members are not read yet. */
export interface ControlLine extends Sealed {
  readonly type: 'control';
  readonly kind: string;
}

/** A line of ours that is no leaf. */
export interface CheckpointLine {
  readonly type: 'checkpoint';
  /** The signed note, or undefined where the line's text is not the one spelling of a note. */
  readonly note: string | undefined;
}

/** Any other line. */
export interface ForeignLine {
  readonly type: 'foreign';
}

/** What a line of a sealed file is. */
export type ClassifiedLine = RecordLine | ControlLine | CheckpointLine | ForeignLine;

const NUMBER = '[1-9][0-9]{0,15}';
const AUTH = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]';
const SALT = '[A-Za-z0-9_-]{21}[AQgw]';
const KID = `([A-Za-z0-9_-]{8})\\.(${NUMBER})`;
const RECORD_END = new RegExp(
  `"integrity":\\{"seq":(${NUMBER})(?:,"as":"(?:(text)"|(base64)"(?:,"part":(${NUMBER})(,"last":true)?)?))?(?:,"salt":"(${SALT})"|,"commit":"(${AUTH})")?,"key_id":"${KID}","(mac|hash)":"(${AUTH})"\\}\\}$`,
);
const CONTROL_HEAD = new RegExp(`^\\{"integrity":\\{"seq":(${NUMBER}),"kind":"([a-z_]{1,32})",`);
const CONTROL_END = new RegExp(`"key_id":"${KID}","(mac|hash)":"(${AUTH})"\\}\\}$`);
export const CHECKPOINT_HEAD = '{"integrity":{"kind":"checkpoint","note":"';
export const CHECKPOINT_END = '"}}';
/** Longer than any record end, so that the search for one reads no more than this of a line. */
const RECORD_END_LIMIT = 256;
const CLOSING = Buffer.from('"}}', 'latin1');
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const FOREIGN: ForeignLine = { type: 'foreign' };

/** What a byte may be: 1 = a character of base64url, 2 = also the last one of 32 bytes, 3 = also the last one of 16 bytes. */
const CHARACTERS = base64urlCharacters();

function base64urlCharacters(): Uint8Array {
  const characters = new Uint8Array(256);
  for (const at of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')) characters[at] = 1;
  for (const at of Buffer.from('AEIMQUYcgkosw048')) characters[at] = 2;
  for (const at of Buffer.from('AQgw')) characters[at] = 3;
  return characters;
}

/**
 * M1.3: Whether 43 characters that end before `end` have the form of an auth, whatever it is worth. No signature covers it, so
 * where it is not compared its form is all that keeps it from carrying anything (M8.12).
 */
export function hasAuthForm(bytes: Uint8Array, end: number): boolean {
  return (CHARACTERS[bytes[end - 1] as number] as number) >= 2 && isBase64url(bytes, end - 43, end - 1);
}

/** M1.12: Whether the characters that end before `end` have the form of a salt. */
export function hasSaltForm(bytes: Uint8Array, end: number): boolean {
  return CHARACTERS[bytes[end - 1] as number] === 3 && isBase64url(bytes, end - SALT_TEXT_LENGTH, end - 1);
}

function isBase64url(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (CHARACTERS[bytes[at] as number] === 0) return false;
  return true;
}

function safe(digits: string): number | undefined {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The text of bytes that are valid UTF-8, or undefined. A byte-order mark is kept. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // the one thing a fatal decoder throws: not UTF-8
    throw error;
  }
}

/** Whether text parses as JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function readRecord(line: Buffer): RecordLine | undefined {
  const from = Math.max(0, line.length - RECORD_END_LIMIT);
  const match = RECORD_END.exec(line.toString('latin1', from));
  if (match === null) return undefined;
  const memberStart = from + match.index;
  const commit = match[7];
  // M1.13: what stands before an erased record is in no leaf
  if (commit === undefined ? !followsRecordHead(line, memberStart) : memberStart !== 1 || line[0] !== 0x7b)
    return undefined;
  const seq = safe(match[1] as string);
  const epoch = safe(match[9] as string);
  const part = match[4] === undefined ? undefined : safe(match[4]);
  if (seq === undefined || epoch === undefined || (match[4] !== undefined && part === undefined)) return undefined;
  return {
    type: 'record',
    seq,
    as: match[2] !== undefined ? 'text' : match[3] !== undefined ? 'base64' : undefined,
    part,
    last: match[5] !== undefined,
    salt: match[6],
    commit,
    tag: match[8] as string,
    epoch,
    member: match[10] as AuthMember,
    auth: match[11] as string,
    memberStart,
  };
}

/** Our member stands after `,`, or after the line's first `{` and optional JSON white space (spec 1). */
export function followsRecordHead(line: Buffer, memberStart: number): boolean {
  let at = memberStart - 1;
  if (line[at] === 0x2c) return true;
  while (at > 0 && isJsonSpace(line[at])) at--;
  return at === 0 && line[0] === 0x7b;
}

/** Space, tab, LF or CR. */
export function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function readControl(line: Buffer): ControlLine | undefined {
  const head = CONTROL_HEAD.exec(line.toString('latin1', 0, 80));
  if (head === null) return undefined;
  const end = CONTROL_END.exec(line.toString('latin1', Math.max(0, line.length - RECORD_END_LIMIT)));
  if (end === null) return undefined;
  const seq = safe(head[1] as string);
  const epoch = safe(end[2] as string);
  if (seq === undefined || epoch === undefined) return undefined;
  if (line.length <= CONTROL_LIMIT) {
    const text = decodeUtf8(line);
    if (text === undefined || !isJson(text)) return undefined;
  }
  return {
    type: 'control',
    seq,
    kind: head[2] as string,
    tag: end[1] as string,
    epoch,
    member: end[3] as AuthMember,
    auth: end[4] as string,
  };
}

function readCheckpoint(line: Buffer): CheckpointLine | undefined {
  const headLength = CHECKPOINT_HEAD.length;
  if (line.length < headLength + CHECKPOINT_END.length) return undefined;
  if (line.toString('latin1', 0, headLength) !== CHECKPOINT_HEAD) return undefined;
  if (line.length > CONTROL_LIMIT * 2) return { type: 'checkpoint', note: undefined };
  const text = decodeUtf8(line.subarray(headLength, line.length - CHECKPOINT_END.length));
  if (text === undefined) return { type: 'checkpoint', note: undefined };
  const note = text.replaceAll('\\n', '\n');
  return { type: 'checkpoint', note: formatNoteMember(note) === text ? note : undefined };
}

/** LF is written \n; a note has nothing else that JSON escapes (spec 1). */
function formatNoteMember(note: string): string | undefined {
  const member = JSON.stringify(note).slice(1, -1);
  return member.replaceAll('\\n', '').includes('\\') ? undefined : member;
}

/** The line of a checkpoint, without LF. */
export function formatCheckpointLine(note: string): string {
  const member = formatNoteMember(note);
  if (member === undefined) throw new RangeError('a signed note contains no character that JSON escapes, except LF');
  return CHECKPOINT_HEAD + member + CHECKPOINT_END;
}

/** What a line is, by its end, in this order: record, control, checkpoint, anything else (spec 1, M1.1). */
export function classifyLine(line: Buffer): ClassifiedLine {
  const length = line.length;
  if (length < TAIL_LENGTH || line.compare(CLOSING, 0, 3, length - 3, length) !== 0) return FOREIGN;
  return readRecord(line) ?? readControl(line) ?? readCheckpoint(line) ?? FOREIGN;
}

/** What our member says of a record (spec 1). */
export interface RecordMember {
  readonly as?: Wrapping | undefined;
  readonly part?: number | undefined;
  readonly last?: boolean | undefined;
  readonly salt?: string | undefined;
  readonly commit?: string | undefined;
  readonly seq: number;
  /** TAG.EPOCH */
  readonly kid: string;
  readonly member: AuthMember;
}

/** `"integrity":{"seq":SEQ[,"as":…][,"salt":…],"key_id":"KID","mac|hash":"`: what a record ends with before its auth. */
export function formatRecordMember({ seq, kid, member, as, part, last, salt, commit }: RecordMember): string {
  const wrapping = as === undefined ? '' : `,"as":"${as}"`;
  const parts = part === undefined ? '' : `,"part":${part}${last === true ? ',"last":true' : ''}`;
  const proof = salt !== undefined ? `,"salt":"${salt}"` : commit !== undefined ? `,"commit":"${commit}"` : '';
  return `"integrity":{"seq":${seq}${wrapping}${parts}${proof},"key_id":"${kid}","${member}":"`;
}
