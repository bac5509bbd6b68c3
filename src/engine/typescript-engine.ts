import { type Digest, digestText } from '../core/hash.ts';
import { hashLeafInPlace } from '../core/tree.ts';
import { type AuthMember, formatRecordMember, isJsonSpace, TAIL_LENGTH } from '../format/entry.ts';
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
import { RecordMatcher, RecordTemplate } from './record-template.ts';
import { isWrappedText } from './wrapped-text.ts';

const LF = 0x0a;
const ENTRY_END = '"}}\n';

/** The engine that is always there; what another one does is right where it does the same. */
class TypescriptEngine implements Engine {
  readonly name = 'typescript';
  readonly #plain = new RecordMatcher();
  readonly #text = new RecordMatcher('text');
  #template = new RecordTemplate('', 'mac');
  #kid = '';
  #member: AuthMember = 'mac';

  sealLines(lines: LinesToSeal): SealedLines {
    const { input, from, to, output, limit, frontier, key, maxLineBytes, lineLimit, areObjects } = lines;
    const template = this.#templateOf(lines.kid, lines.member);
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
      let leafEnd: number;
      const line = areObjects || isPlainObject(input, taken, lineEnd) ? undefined : input.subarray(taken, lineEnd);
      const form = line === undefined ? 'object' : inputForm(line);
      if (line === undefined || form === 'object') {
        if (end + length + SUFFIX_ROOM > limit) break;
        input.copy(output, end, taken, lineEnd);
        template.set(lines.seq + records);
        leafEnd = closeObject(output, end, end + length - 1, template.bytes);
      } else {
        const head = recordHead(line, form);
        if (end + head.length + SUFFIX_ROOM > limit) break;
        output.set(head, end);
        const suffix = formatRecordMember(lines.seq + records, lines.kid, lines.member, form);
        leafEnd = end + head.length + output.write(suffix, end + head.length, 'latin1');
      }
      leaf = hashLeafInPlace(output, end, leafEnd);
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
      if (!this.#isRecord(lines, lines.seq + records, end, lf)) break;
      const leaf = hashLeafInPlace(bytes, end, lf - TAIL_LENGTH);
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

  /** Whether the line `bytes[start, end)` has the form of the record `seq`; its auth is left out where that is checked. */
  #isRecord(lines: RecordsToCheck, seq: number, start: number, end: number): boolean {
    if (matches(this.#plain, lines, seq, start, end)) return true;
    return matches(this.#text, lines, seq, start, end) && isWrappedText(lines.bytes, start, this.#text.memberOf(end));
  }

  #templateOf(kid: string, member: AuthMember): RecordTemplate {
    if (kid !== this.#kid || member !== this.#member) {
      this.#template = new RecordTemplate(kid, member);
      this.#kid = kid;
      this.#member = member;
    }
    return this.#template;
  }
}

function matches(
  matcher: RecordMatcher,
  { bytes, kid, member, checksAuth }: RecordsToCheck,
  seq: number,
  start: number,
  end: number,
): boolean {
  matcher.expect(seq, kid, member);
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
