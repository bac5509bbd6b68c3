import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/index.ts';
import { shorterJournal } from '../../src/kafka/state/compaction.ts';
import { FrameBuffer, framesOf } from '../../src/kafka/state/frames.ts';
import { StreamLane } from '../../src/kafka/stream-lane.ts';
import type { Auditor } from '../../src/verify/auditor/auditor.ts';
import { LINE_LIMIT } from '../../src/verify/input/line-splitter.ts';
import { Allowance } from '../../src/verify/model/allowance.ts';
import { FindingRoom, Findings } from '../../src/verify/model/findings.ts';
import { TimelineRoom } from '../../src/verify/model/timeline.ts';
import { StreamVerifier } from '../../src/verify/stream/stream-verifier.ts';
import { linkedStream } from '../../src/verify/verdict/linked-stream.ts';
import type { StreamFacts } from '../../src/verify/verdict/report.ts';
import { auditorOf } from '../support/judge.ts';
import { someOf } from '../support/tier.ts';
import { catalogue } from '../vectors/catalogue/index.ts';

/**
 * A verifier that is brought behind what another one took stands where that one stood: for every vector, wherever the lines are
 * cut, however often.
 */

/** Findings for which older entries are compared. */
const REPEATED = ['DUPLICATE_ENTRY', 'OUT_OF_ORDER'];
const FILE = 'kafka://topic/0';

interface Outcome {
  readonly findings: readonly Finding[];
  readonly more: Readonly<Record<string, number>>;
  readonly facts: StreamFacts;
  readonly roots: unknown;
  readonly told: readonly Finding[];
}

const outcomeOf = (verifier: StreamVerifier, findings: Findings, told: readonly Finding[]): Outcome => {
  const { facts, roots } = linkedStream(verifier.state, [FILE]);
  return { findings: findings.list(), more: findings.more, facts, roots: [...roots], told };
};

const padded = (line: Buffer): Buffer => Buffer.concat([Buffer.alloc(1), line]);

async function straight(auditor: Auditor, lines: readonly Buffer[]): Promise<Outcome> {
  const told: Finding[] = [];
  const findings = new Findings(new FindingRoom(), (finding) => told.push(finding));
  const verifier = new StreamVerifier(auditor, findings);
  verifier.beginFile(FILE);
  for (const [at, line] of lines.entries()) await verifier.feed(padded(line), 1, line.length + 1, at + 1, at);
  await verifier.endFile();
  verifier.end();
  return outcomeOf(verifier, findings, told);
}

/** One process after another: each takes what the ones before wrote, then some lines, then is gone. */
async function interrupted(
  auditor: () => Auditor,
  lines: readonly Buffer[],
  cuts: readonly number[],
  kept: number | undefined,
): Promise<Outcome> {
  let journal: Buffer[] = [];
  let told: Finding[] = [];
  let from = 0;
  for (const cut of [...cuts, lines.length]) {
    const frames = new FrameBuffer();
    let replaying = true;
    const own = { allowance: new Allowance(), findings: new FindingRoom(), timeline: new TimelineRoom() };
    const lane = new StreamLane(0, 0, auditor(), { ...own, quoteLines: false, frames }, (finding) => {
      if (!replaying) told = [...told, finding];
    });
    lane.verifier.beginFile(FILE);
    for (const frame of journal.flatMap((body) => [...framesOf(body)])) {
      if (frame.kind === 'run') {
        expect(lane.verifier.resumeRun(frame.run)).toBe(true);
        lane.lines = frame.run.line;
      } else if (frame.kind === 'line') {
        const { bytes, line, offset, good } = frame;
        await lane.resume(padded(bytes), 1, bytes.length + 1, line, offset, good);
      }
    }
    replaying = false;
    for (let at = from; at < cut; at++) {
      const line = lines[at] as Buffer;
      await lane.feed(padded(line), 1, line.length + 1, at);
    }
    lane.closeRun();
    journal.push(Buffer.from(frames.bytes));
    if (kept !== undefined) {
      const bodies = async function* (): AsyncGenerator<Buffer> {
        yield* journal;
      };
      const shorter: Buffer[] = [];
      for await (const body of shorterJournal(bodies(), [lane.verifier.state.next], kept))
        shorter.push(Buffer.from(body));
      journal = shorter;
    }
    from = cut;
    if (cut === lines.length) {
      await lane.verifier.endFile();
      lane.verifier.end();
      return outcomeOf(lane.verifier, lane.findings, told);
    }
  }
  throw new Error('no last part');
}

const cases = catalogue().flatMap((vector) => {
  const files = vector.files.filter(({ name }) => !name.endsWith('.gz') && !name.endsWith('.manifest.json'));
  if (vector.brings.origin.endsWith('*') || files.length !== vector.files.length || files.length === 0) return [];
  const bytes = Buffer.concat(files.map((file) => file.bytes));
  const lines = linesOf(bytes);
  if (lines.some(({ length }) => length > LINE_LIMIT)) return [];
  return [{ name: vector.name, verdict: vector.expect.verdict, brings: vector.brings, lines }];
});

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const lf = bytes.indexOf(0x0a, start);
    const end = lf < 0 ? bytes.length : lf;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

describe('what was taken before', () => {
  it('covers the vectors', () => expect(cases.length).toBeGreaterThan(150));

  for (const { name, verdict, brings, lines } of someOf(cases, 8)) {
    it(`${name}: each cut, and all of them, come to the same as no cut`, async () => {
      const expected = await straight(auditorOf(brings), lines);
      const every = lines.map((_, at) => at).slice(0, 200);
      const step = Math.ceil(every.length / 12);
      for (const cuts of [...every.filter((at) => at % step === 0).map((at) => [at]), every]) {
        const outcome = await interrupted(() => auditorOf(brings), lines, cuts, undefined);
        expect(outcome).toEqual(expected);
      }
      // without old leaves, where nothing asks for them
      const asks = expected.facts.abandonedEntries > 0 || expected.findings.some(({ code }) => REPEATED.includes(code));
      if (verdict === 0 && !asks) expect(await interrupted(() => auditorOf(brings), lines, every, 0)).toEqual(expected);
    });
  }
});
