import { CHECKPOINT_END, CHECKPOINT_HEAD, decodeUtf8, isJson } from './entry.ts';

/** What a line that is none of ours tells of us: somebody wrote it again, cut it or converted it (M8.22, M8.33). */

/** The note of a checkpoint line whose text is none, as latin1. */
export const noteOfLine = (line: Buffer): string =>
  line.toString('latin1', CHECKPOINT_HEAD.length, line.length - CHECKPOINT_END.length).replaceAll('\\n', '\n');

/** A longer line is not looked into: nothing that a tool wrote again is. */
const PARSED_LIMIT = 1 << 20;

/** Whether a line parses as an object that carries our member, whatever its bytes (spec 8.10, M8.22). */
export function hasOurIntegrity(line: Buffer): boolean {
  if (line.length > PARSED_LIMIT) return false;
  const text = decodeUtf8(line);
  if (text === undefined || !isJson(text)) return false;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('integrity' in value)) return false;
  const { integrity } = value;
  return typeof integrity === 'object' && integrity !== null && ('seq' in integrity || 'kind' in integrity);
}

/** Whether a line begins as ours do and was never finished (M8.22); of one that is not looked into, its last byte tells. */
export function isUnfinished(line: Buffer): boolean {
  if (line[0] !== 0x7b) return false;
  return line.length > PARSED_LIMIT ? line[line.length - 1] !== 0x7d : !isJson(decodeUtf8(line) ?? '');
}

const MENTION = Buffer.from('"integrity"', 'latin1');
/** The TAG of an entry, in whatever way its line was written again. */
const REWRITTEN_KID = /"key_id"+\s*:\s*"+([\w-]{8})\.\d+"/; // CSV doubles quotes

/** What a line that is none of ours tells of us: whether it names our member, and the TAG of an entry; also in UTF-16 (M8.22). */
export function tracesIn(line: Buffer): { readonly mention: boolean; readonly tag: string | undefined } {
  const text = fromUtf16(line);
  const beginning = text.subarray(0, PARSED_LIMIT);
  return {
    mention: text.includes(MENTION),
    tag: beginning.includes('"key_id"') ? REWRITTEN_KID.exec(beginning.toString('latin1'))?.[1] : undefined,
  };
}

/** Whether the bytes of a file without any LF are lines that a tool has joined: a torn line of ours names our member once (M8.22). */
export function areJoinedLines(bytes: Buffer): boolean {
  const text = fromUtf16(bytes);
  const first = text.indexOf(MENTION);
  return first >= 0 && text.includes(MENTION, first + MENTION.length);
}

const fromUtf16 = (bytes: Buffer): Buffer =>
  bytes.includes(0) ? Buffer.from(bytes.filter((byte) => byte !== 0)) : bytes;
