import { type Digest, digestText } from '../core/hash.ts';
import { type AuthMember, isJsonSpace, SALT_LENGTH, TAIL_LENGTH, type Wrapping } from '../format/entry.ts';
import { inputForm, recordHead, trimInputLine } from '../format/record.ts';
import {
  type CheckedRecords,
  type Engine,
  LEAF_BYTES,
  type LinesToSeal,
  type RecordsToCheck,
  type SealedLines,
  SUFFIX_ROOM,
} from './engine.ts';
import { isPlainObject } from './plain-object.ts';
import { type RecordForm, RecordMatcher, RecordTemplate } from './record-template.ts';
import { isWrappedText } from './wrapped-text.ts';

const LF = 0x0a;
const ENTRY_END = '"}}\n';

/** The engine that is always there; what another one does is right where it does the same. */
class TypescriptEngine implements Engine {
  readonly name = 'typescript';
  readonly #templates = new Map<Wrapping | undefined, RecordTemplate>();
  readonly #matchers = new Map<Wrapping | undefined, RecordMatcher>();

  sealLines(lines: LinesToSeal): SealedLines {
    const { input, from, to, output, limit, frontier, key, maxLineBytes, lineLimit, areObjects } = lines;
    const { salts } = lines;
    const begunBefore = from + lines.inputBytes;
    let taken = from;
    let end = lines.at;
    let records = 0;
    let leaf: Digest | undefined;
    while (records < lines.records && taken < begunBefore) {
      const lf = input.indexOf(LF, taken);
      if (lf < 0 || lf >= to) break;
      const lineEnd = trimInputLine(input, taken, lf);
      const length = lineEnd - taken;
      if (length > maxLineBytes || end + length > lineLimit) break;
      const line = areObjects || isPlainObject(input, taken, lineEnd) ? undefined : input.subarray(taken, lineEnd);
      const form = line === undefined ? 'object' : inputForm(line);
      const template = this.#templateOf(lines, form === 'object' ? undefined : form);
      const head = line === undefined || form === 'object' ? undefined : recordHead(line, form);
      if (end + (head?.length ?? length) + SUFFIX_ROOM > limit) break;
      template.set(lines.seq + records);
      template.giveSalt(salts, records * SALT_LENGTH);
      let leafEnd: number;
      if (head === undefined) {
        input.copy(output, end, taken, lineEnd);
        leafEnd = closeObject(output, end, end + length - 1, template.bytes);
      } else {
        output.set(head, end);
        leafEnd = end + head.length + template.bytes.copy(output, end + head.length, 1); // the head ends with the comma
      }
      leaf = template.leafOf(output, end, leafEnd);
      frontier.append(leaf);
      end =
        leafEnd + output.write((key === undefined ? digestText(leaf) : key.mac(leaf)) + ENTRY_END, leafEnd, 'latin1');
      taken = lf + 1;
      records++;
    }
    return { records, taken, end, leaf };
  }

  checkRecords(lines: RecordsToCheck): CheckedRecords {
    const { bytes, to, frontier, leaves, key, checksAuth } = lines;
    let end = lines.from;
    let records = 0;
    while (records < lines.records) {
      const lf = bytes.indexOf(LF, end);
      if (lf < 0 || lf >= to) break;
      const leaf = this.#leafOf(lines, lines.seq + records, end, lf);
      if (leaf === undefined) break;
      if (checksAuth) {
        const auth = key === undefined ? digestText(leaf) : key.mac(leaf);
        if (auth !== bytes.toString('latin1', lf - TAIL_LENGTH, lf - 3)) break;
      }
      leaves.write(leaf, records * LEAF_BYTES, LEAF_BYTES, 'latin1');
      frontier?.append(leaf);
      end = lf + 1;
      records++;
    }
    return { records, end };
  }

  /** The leaf hash of the record `seq`, where the line `bytes[start, end)` has its form; the auth is left out where that is checked. */
  #leafOf(lines: RecordsToCheck, seq: number, start: number, end: number): Digest | undefined {
    const plain = this.#matcherOf(lines, undefined);
    if (matches(plain, lines, seq, start, end)) return plain.leafOf(lines.bytes, start, end - TAIL_LENGTH);
    const text = this.#matcherOf(lines, 'text');
    const isRecord = matches(text, lines, seq, start, end) && isWrappedText(lines.bytes, start, text.memberOf(end));
    return isRecord ? text.leafOf(lines.bytes, start, end - TAIL_LENGTH) : undefined;
  }

  #templateOf({ kid, member, salts }: LinesToSeal, as: Wrapping | undefined): RecordTemplate {
    const salted = salts !== undefined;
    const kept = this.#templates.get(as);
    if (kept !== undefined && isForm(kept.form, kid, member, salted)) return kept;
    const template = new RecordTemplate({ kid, member, salted, ...(as !== undefined && { as }) });
    this.#templates.set(as, template);
    return template;
  }

  #matcherOf({ kid, member, salted }: RecordsToCheck, as: Wrapping | undefined): RecordMatcher {
    const kept = this.#matchers.get(as);
    if (kept !== undefined && isForm(kept.form, kid, member, salted)) return kept;
    const matcher = new RecordMatcher({ kid, member, salted, ...(as !== undefined && { as }) });
    this.#matchers.set(as, matcher);
    return matcher;
  }
}

function isForm(form: RecordForm, kid: string, member: AuthMember, salted: boolean): boolean {
  return form.kid === kid && form.member === member && form.salted === salted;
}

function matches(
  matcher: RecordMatcher,
  { bytes, checksAuth }: RecordsToCheck,
  seq: number,
  start: number,
  end: number,
): boolean {
  matcher.set(seq);
  return checksAuth ? matcher.matchesButForAuth(bytes, start, end) : matcher.matches(bytes, start, end);
}

/**
 * Ends an object that begins at `begin` with our member in place of its last }, which is at `brace`; `suffix` begins with the
 * comma that an empty object does not get.
 *
 * @returns where the leaf ends
 */
export function closeObject(bytes: Buffer, begin: number, brace: number, suffix: Buffer): number {
  let before = brace - 1;
  while (before > begin && isJsonSpace(bytes[before])) before--;
  if (before > begin) {
    bytes.set(suffix, brace);
    return brace + suffix.length;
  }
  suffix.copy(bytes, brace, 1);
  return brace + suffix.length - 1;
}

/** {@link TypescriptEngine} */
export const typescriptEngine: Engine = new TypescriptEngine();
