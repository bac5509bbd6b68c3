import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { isOrigin } from '../../format/origin.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import { STREAM_RESULTS, type StreamResult } from './stream-result.ts';

/** Lines that another process has written. */

const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const verdict = v.picklist(['ok', 'tampered', 'undecided']);
const reading = v.strictObject({ files: count, bytes: count });
const range = v.strictObject({ firstSeq: count, lastSeq: count });
const code = v.pipe(text, v.regex(/^[A-Z][A-Z0-9_]*$/));
const finding = v.strictObject({
  code,
  severity: v.picklist(['tampered', 'undecided', 'warning']),
  message: text,
  file: v.optional(text),
  line: v.optional(count),
  offset: v.optional(count),
  seq: v.optional(count),
  lastSeq: v.optional(count),
  within: v.optional(range),
  previousSealTime: v.optional(text),
  nextSealTime: v.optional(text),
});
const named = v.pipe(
  text,
  v.check((one) => one === '' || isOrigin(one.replace(/\*$/, 'x')), 'the name of a stream'),
);
const schema = v.strictObject({
  version: v.literal(1),
  stream: named,
  result: v.picklist(STREAM_RESULTS),
  verdict,
  checked: v.picklist(['whole', 'added', 'nothing']),
  firstSeq: count,
  lastSeq: count,
  proven: count,
  sealed: v.optional(text),
  end: v.picklist(['closed', 'continued', 'open']),
  files: count,
  read: reading,
  wholeAt: v.optional(text),
  erased: v.optional(count),
  removed: v.optional(v.strictObject({ files: count, lastSeq: count })),
  findings: v.array(finding),
  more: count,
  error: v.optional(v.strictObject({ code, message: text, hint: v.optional(text) })),
});

/** Reads one result. `place` is for the message. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseResult(line: string, place: string): StreamResult {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), line, withoutInput);
  if (!parsed.success) {
    const problem = schemaProblem(parsed.issues, 'the line');
    throw new TamperError('FORMAT_INVALID', `${place} is not output of audit --format json: ${problem}`);
  }
  return parsed.output as StreamResult; // the codes of findings are of a closed list, which grows
}

/** Results as text, one JSON a line. */
export function formatResults(results: readonly StreamResult[]): string {
  return results.map((result) => `${JSON.stringify(result)}\n`).join('');
}

/** Reads what {@link formatResults} wrote. @throws {@link TamperError} `FORMAT_INVALID` */
export function parseResults(lines: string, place: string): StreamResult[] {
  return lines
    .split('\n')
    .slice(0, -1)
    .map((line) => parseResult(line, place));
}
