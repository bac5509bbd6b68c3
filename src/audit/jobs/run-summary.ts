import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import type { IgnoredReport } from '../../verify/verdict/ignored-files.ts';
import { emptyResult } from '../check/results.ts';
import { formatResults, parseResults, type StreamResult } from '../check/stream-result.ts';
import type { StreamOutcome } from '../queue/collect.ts';
import { ALL } from '../run/shard.ts';
import { type AuditSummary, missingResult, type NamedStreams, Tally } from '../run/summary.ts';

/** What the results of all jobs come to, with what the listing alone has shown: the same as one process says. */

const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.strictObject({
  results: text,
  demands: v.array(v.strictObject({ name: text, min: count })),
  ignored: v.strictObject({ files: v.array(v.strictObject({ file: text, why: text })), more: count }),
  request: text,
  time: text,
});

/** What the listing of a run has shown besides its streams. */
export interface RunListing {
  /** Files of no stream, streams that are named and not there, memories that cannot be read. */
  readonly results: readonly StreamResult[];
  readonly demands: readonly Omit<NamedStreams, 'streams'>[];
  readonly ignored: IgnoredReport;
  /** The digest of what was asked. */
  readonly request: string;
  /** When the streams were listed, UTC. */
  readonly time: string;
}

/** As JSON, for the file of a run. */
export function listingRest({ results, ...rest }: RunListing): unknown {
  return { results: formatResults(results), ...rest };
}

/** @throws {@link TamperError} `FORMAT_INVALID` */
function parseListing(rest: unknown): RunListing {
  const parsed = v.safeParse(schema, rest);
  if (!parsed.success) {
    throw new TamperError(
      'FORMAT_INVALID',
      'the last line of the file of the run does not say what the listing has shown',
    );
  }
  const { results, ...others } = parsed.output;
  return { ...others, ignored: others.ignored as IgnoredReport, results: parseResults(results, 'the file of the run') };
}

/**
 * Gives the results of every stream, and says of those without one why: none is silently absent.
 *
 * @returns what all of them come to
 * @throws {@link TamperError} what the outcomes throw; `FORMAT_INVALID`: the file of the run
 */
export async function summarise(
  outcomes: AsyncIterator<StreamOutcome, unknown>,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  const results: StreamResult[] = [];
  const say = async (result: StreamResult): Promise<void> => {
    results.push(result);
    await onResult(result);
  };
  let next = await outcomes.next();
  for (; next.done !== true; next = await outcomes.next())
    for (const result of resultsOf(next.value)) await say(result);
  const { results: listed, demands, ignored, request, time } = parseListing(next.value);
  for (const result of listed) await say(result);
  const tally = new Tally(demands);
  for (const result of results) tally.add(result);
  for (const named of tally.names.filter(({ min, streams }) => streams < min)) {
    const result = missingResult(named);
    tally.add(result);
    await onResult(result);
  }
  return tally.summary({ ignored, request, shard: ALL, time });
}

function resultsOf(outcome: StreamOutcome): readonly StreamResult[] {
  const { origin, state } = outcome;
  if (state === 'failed')
    return [
      withoutResult(origin, 'FAILED', outcome.why, 'Remove the cause and run audit enqueue again with the same file.'),
    ];
  if (state === 'waiting')
    return [withoutResult(origin, 'WAITING', 'no worker has audited this stream yet', 'Start audit work, or wait.')];
  if (state === 'active')
    return [withoutResult(origin, 'ACTIVE', `worker ${outcome.worker} is auditing this stream`, 'Wait for it.')];
  if (state === 'missing') {
    const message =
      'the queue has no job for this stream: it was never put there, was lost by Redis, or removed after its time';
    return [withoutResult(origin, 'MISSING', message, 'Run audit enqueue again with the same file of the run.')];
  }
  return parseResults(outcome.text, `the result of worker ${outcome.worker}`);
}

function withoutResult(origin: string, code: string, message: string, hint: string): StreamResult {
  return { ...emptyResult(origin, 0, undefined), error: { code, message, hint } };
}
