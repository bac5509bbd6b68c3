import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import { parseResult, STREAM_RESULTS, type StreamResult } from '../check/stream-result.ts';
import { ALL } from './shard.ts';
import { type AuditSummary, missingResult, Tally } from './summary.ts';

/** Puts the results of the parts of one audit together, so that they are those of one process. */

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const verdict = v.picklist(['ok', 'tampered', 'undecided']);
const reading = v.strictObject({ files: count, bytes: count });
const summarySchema = v.strictObject({
  version: v.literal(1),
  summary: v.literal(true),
  verdict,
  streams: count,
  results: v.record(v.picklist(STREAM_RESULTS), v.optional(count)),
  verdicts: v.strictObject({ ok: count, tampered: count, undecided: count }),
  read: reading,
  erased: v.optional(count),
  names: v.array(v.strictObject({ name: v.string(), min: count, streams: count })),
  ignored: v.strictObject({
    files: v.array(
      v.strictObject({
        file: v.string(),
        why: v.picklist(['nothing sealed', 'empty', 'symbolic link', 'not a regular file']),
      }),
    ),
    more: count,
  }),
  request: v.string(),
  shard: v.strictObject({ index: count, count: v.pipe(count, v.minValue(1)), run: v.optional(v.string()) }),
  time: v.pipe(
    v.string(),
    v.check((one) => !Number.isNaN(Date.parse(one)), 'a time'),
  ),
});

/** Parts of one audit begin within this time: a name of a run may have been used again the next night. */
const MOST_APART_MS = 12 * 3_600_000;

/** The output of one part, read back. */
interface Part {
  readonly name: string;
  readonly results: readonly StreamResult[];
  readonly summary: AuditSummary;
}

/** What a part has printed: its lines, in whatever pieces. */
export interface PartLines {
  /** For messages. */
  readonly name: string;
  readonly lines: AsyncIterable<string> | Iterable<string>;
}

/** What all parts say together. */
export interface MergedAudit {
  /** By the names of the streams. */
  readonly results: readonly StreamResult[];
  readonly summary: AuditSummary;
}

/**
 * Merges the outputs of all parts of one audit.
 *
 * @throws {@link TamperError} `FORMAT_INVALID`: a line that is none of an audit, a part that did not come to its end; `USAGE`: a part is
 *   missing, stands there twice, or is one of another audit
 */
export async function mergeAudits(given: Iterable<PartLines>): Promise<MergedAudit> {
  const parts: Part[] = [];
  for (const one of given) parts.push(await readPart(one));
  const [first] = parts;
  if (first === undefined) throw new TamperError('USAGE', 'name the results to merge');
  checkParts(first, parts);
  const tally = new Tally(first.summary.names.map(({ name, min }) => ({ name, min })));
  const results: StreamResult[] = [];
  const take = (result: StreamResult): void => {
    tally.add(result);
    results.push(result);
  };
  const byPlace = [...parts].sort((a, b) => a.summary.shard.index - b.summary.shard.index);
  for (const part of byPlace) for (const result of part.results) take(result);
  if (parts.length > 1) for (const named of tally.names) if (named.streams < named.min) take(missingResult(named));
  results.sort(inOrder);
  const { ignored, request } = (byPlace[0] as Part).summary;
  const time = parts.map(({ summary }) => summary.time).sort()[0] as string;
  return { results, summary: tally.summary({ ignored, request, shard: ALL, time }) };
}

function checkParts(first: Part, parts: readonly Part[]): void {
  const { request, shard } = first.summary;
  const byIndex = new Map<number, Part>();
  for (const part of parts) {
    const { index, count: parted } = part.summary.shard;
    const what = `${part.name} is part ${index} of ${parted}`;
    if (parted !== shard.count) throw unfit(`${what}, but ${first.name} is one of ${shard.count}`);
    if (part.summary.request !== request) {
      throw unfit(`${part.name} and ${first.name} are of two audits: places, memory, names, keys or options differ`);
    }
    if (parted > 1 && part.summary.shard.run === undefined) throw unfit(`${part.name} does not say of which run it is`);
    if (part.summary.shard.run !== shard.run) {
      throw unfit(`${part.name} is of run ${part.summary.shard.run}, but ${first.name} of run ${shard.run}`);
    }
    const other = byIndex.get(index);
    if (other !== undefined) throw unfit(`${what}, and so is ${other.name}`);
    byIndex.set(index, part);
  }
  const times = parts.map((part) => Date.parse(part.summary.time));
  if (Math.max(...times) - Math.min(...times) > MOST_APART_MS) {
    throw unfit('the first of these parts began more than 12 hours before the last: they are of two audits');
  }
  const missing = Array.from({ length: shard.count }, (_, index) => index).filter((index) => !byIndex.has(index));
  if (missing.length > 0) throw unfit(`of ${shard.count} parts ${missing.slice(0, 20).join(', ')} are missing`);
}

function unfit(message: string): TamperError {
  return new TamperError('USAGE', message, {
    hint: 'Merge the results of every part of one audit, each once: all with the same arguments but --shard, and the same --run.',
  });
}

async function readPart({ name, lines }: PartLines): Promise<Part> {
  const results: StreamResult[] = [];
  let summary: AuditSummary | undefined;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line === '') continue;
    const place = `${name}:${number}`;
    if (summary !== undefined) throw invalid(place, 'a summary is the last line of an audit');
    const read = readLine(line, place);
    if ('summary' in read) summary = read;
    else results.push(read);
  }
  if (summary === undefined) {
    throw new TamperError('FORMAT_INVALID', `${name} ends without a summary: that part did not finish`, {
      hint: 'Run it again; it continues where it stopped.',
    });
  }
  if (summary.streams !== results.length) {
    throw invalid(name, `it has ${results.length} streams, but its summary says ${summary.streams}`);
  }
  const tally = new Tally([]);
  for (const result of results) tally.add(result);
  const { ignored, request, shard, time } = summary;
  const added = tally.summary({ ignored, request, shard, time });
  for (const told of ['verdicts', 'results', 'read', 'erased'] as const) {
    if (!isDeepStrictEqual(added[told], summary[told])) {
      throw invalid(name, `its summary does not say the ${told} of its streams: a line was changed, added or lost`);
    }
  }
  return { name, results, summary };
}

function readLine(line: string, place: string): StreamResult | AuditSummary {
  if (!line.includes('"summary":true')) return parseResult(line, place);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), summarySchema), line, withoutInput);
  if (!parsed.success) throw invalid(place, schemaProblem(parsed.issues, 'the line'));
  return parsed.output as AuditSummary;
}

function invalid(place: string, problem: string): TamperError {
  return new TamperError('FORMAT_INVALID', `${place} is not output of audit --format json: ${problem}`);
}

function inOrder(one: StreamResult, other: StreamResult): number {
  const [a, b] = [`${one.stream} ${one.result}`, `${other.stream} ${other.result}`];
  return a < b ? -1 : Number(a > b);
}
