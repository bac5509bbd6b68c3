import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/index.ts';
import { PendingFrames } from '../../src/kafka/state/pending-frames.ts';
import { StateDirectory } from '../../src/kafka/state/state-directory.ts';
import { StreamLane } from '../../src/kafka/stream-lane.ts';
import { TallyCounter } from '../../src/kafka/topic-tally.ts';
import type { Auditor } from '../../src/verify/auditor/auditor.ts';
import { LINE_LIMIT } from '../../src/verify/input/line-splitter.ts';
import { Allowance } from '../../src/verify/model/allowance.ts';
import { FindingRoom, Findings } from '../../src/verify/model/findings.ts';
import { TimelineRoom } from '../../src/verify/model/timeline.ts';
import { StreamVerifier } from '../../src/verify/stream/stream-verifier.ts';
import { linkedStream } from '../../src/verify/verdict/linked-stream.ts';
import type { StreamFacts } from '../../src/verify/verdict/report.ts';
import { Random } from '../simulator/random.ts';
import { auditorOf, type Brings } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf, times } from '../support/tier.ts';
import { catalogue } from '../vectors/catalogue/index.ts';
import { dataKey } from '../vectors/keys.ts';

/**
 * A verifier that is brought to where another one stood finds what that one would have found: for every vector, and for logs of
 * hosts that crashed, wherever the lines are cut, however often, and whatever was dropped from the snapshot.
 */

const FILE = 'kafka://topic/0';
const owner = { cluster: 'c', topic: 't', topicId: 'i', origins: ['a'], policy: '' };
const { tally } = new TallyCounter();
let place: string;
let directories = 0;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'fapilog-tamper-replay-'));
});
afterAll(() => rmSync(place, { recursive: true }));

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

async function straight(auditor: Auditor, lines: readonly Buffer[], allowance: Allowance): Promise<Outcome> {
  const told: Finding[] = [];
  const findings = new Findings(new FindingRoom(), (finding) => told.push(finding));
  const verifier = new StreamVerifier(auditor, findings, { allowance });
  verifier.beginFile(FILE);
  for (const [at, line] of lines.entries()) await verifier.feed(padded(line), 1, line.length + 1, at + 1, at);
  await verifier.endFile();
  verifier.end();
  return outcomeOf(verifier, findings, told);
}

/** One process after another: each takes the snapshot of the one before, then some lines, saves, and is gone. */
async function interrupted(
  auditor: () => Auditor,
  lines: readonly Buffer[],
  cuts: readonly number[],
  allowance: () => Allowance,
): Promise<Outcome> {
  const path = join(place, String(directories++));
  let told: Finding[] = [];
  let from = 0;
  for (const cut of [...cuts, lines.length]) {
    const state = await StateDirectory.open(path, owner);
    const pending = new PendingFrames();
    let replaying = true;
    const own = { allowance: allowance(), findings: new FindingRoom(), timeline: new TimelineRoom() };
    const lane = new StreamLane(0, 0, auditor(), { ...own, quoteLines: false, pending }, (finding) => {
      if (!replaying) told = [...told, finding];
    });
    lane.verifier.beginFile(FILE);
    for await (const frame of state.frames()) {
      if (frame.kind === 'run') expect(lane.resumeRun(frame)).toBe(true);
      else if (frame.kind === 'lines') await lane.resume(frame);
    }
    replaying = false;
    for (let at = from; at < cut; at++) {
      const line = lines[at] as Buffer;
      await lane.feed(padded(line), 1, line.length + 1, at);
    }
    lane.closeRun();
    await state.save({ positions: new Map(), tally }, pending, (run) => lane.keepsLeaves(run));
    state.close();
    from = cut;
    if (cut < lines.length) continue;
    await lane.verifier.endFile();
    lane.verifier.end();
    rmSync(path, { recursive: true });
    return outcomeOf(lane.verifier, lane.findings, told);
  }
  throw new Error('no last part');
}

const cases = catalogue().flatMap((vector) => {
  const files = vector.files.filter(({ name }) => !name.endsWith('.gz') && !name.endsWith('.manifest.json'));
  if (vector.brings.origin.endsWith('*') || files.length !== vector.files.length || files.length === 0) return [];
  const bytes = Buffer.concat(files.map((file) => file.bytes));
  const lines = linesOf(bytes);
  if (lines.some(({ length }) => length > LINE_LIMIT)) return [];
  return [{ name: vector.name, brings: vector.brings, lines }];
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

/** Every place, and some by themselves. */
function cutsOf(lines: readonly Buffer[]): readonly (readonly number[])[] {
  const every = lines.map((_, at) => at).slice(0, 200);
  const step = Math.ceil(every.length / 12);
  return [...every.filter((at) => at % step === 0).map((at) => [at]), every];
}

describe('what was taken before', () => {
  it('covers the vectors', () => expect(cases.length).toBeGreaterThan(150));

  for (const { name, brings, lines } of someOf(cases, 16)) {
    it(`${name}: each cut, and all of them, come to the same as no cut`, async () => {
      const expected = await straight(auditorOf(brings), lines, new Allowance());
      for (const cuts of cutsOf(lines)) {
        expect(
          await interrupted(
            () => auditorOf(brings),
            lines,
            cuts,
            () => new Allowance(),
          ),
        ).toEqual(expected);
      }
    });
  }
});

describe('of a stream that is longer than what its verifier remembers', () => {
  const origin = 'audit.example.com/replay/a';
  const brings: Brings = { origin, data_keys: { '*': dataKey.toString('hex') }, live: true };

  /** A host that crashes, behind a shipper that was ahead of it, and somebody who repeats and removes lines. */
  function crashing(seed: number): Buffer[] {
    const random = new Random(seed);
    const keys = { dataKey };
    let log = new SealedLog(origin).open(keys).seal().checkpoint();
    const lines: Buffer[] = log.lines.map(({ bytes }) => bytes);
    const ship = ({ lines: written }: SealedLog, from: number): void => {
      lines.push(...written.slice(from).map(({ bytes }) => bytes));
    };
    const write = (to: SealedLog, count: number): void => {
      const from = to.lines.length;
      for (let at = 0; at < count; at++) to.record(`{"n":${random.next()}}`);
      ship(to, from);
    };
    for (let step = 0; step < 24; step++) {
      const kind = random.weighted({ write: 8, seal: 5, crash: 3, repeat: 2, foreign: 1 });
      const from = log.lines.length;
      if (kind === 'write') write(log, random.between(1, 40));
      else if (kind === 'seal') ship(log.seal().checkpoint(), from);
      else if (kind === 'foreign') lines.push(Buffer.from('{"msg":"nothing was ever sealed"}'));
      else if (kind === 'repeat') lines.push(lines.at(-random.between(1, 40)) ?? Buffer.alloc(0));
      else {
        const host = log.fork();
        write(log, random.between(1, 25)); // shipped, and lost by the host
        log = host;
        ship(log.open(keys).seal().checkpoint(), from);
      }
    }
    return lines;
  }

  const found = { abandoned: 0, repeated: 0 };
  it.each(Array.from({ length: times(7, 30) }, (_, seed) => seed))(
    'a tail that was abandoned, and a line that was repeated, are found again, seed %i',
    async (seed) => {
      const lines = crashing(seed);
      // the room of one stream among many: the newest 32 leaf hashes
      const allowance = (): Allowance => new Allowance({ leaves: 0 });
      const expected = await straight(auditorOf(brings), lines, allowance());
      if (expected.facts.abandonedEntries > 0) found.abandoned++;
      if (expected.findings.some(({ code }) => code === 'DUPLICATE_ENTRY')) found.repeated++;
      for (const cuts of cutsOf(lines)) {
        expect(await interrupted(() => auditorOf(brings), lines, cuts, allowance)).toEqual(expected);
      }
    },
  );
  it('there were some', () => expect(Math.min(found.abandoned, found.repeated)).toBeGreaterThan(2));
});
