import { describe, expect, it } from 'vitest';
import { type Judgement, judge, memorySource } from '../support/judge.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey, otherDataKey } from '../vectors/keys.ts';
import { brings, type Further } from '../vectors/vector-case.ts';

/** What a restart takes over from the disk, where key periods of several modes stand in what it takes over (M8.15, M8.16). */

type Mode = 'hash' | 'both' | 'mac';
const keysOf: Record<Mode, EpochKeys> = {
  hash: { signers: [edKey] },
  both: { dataKey, signers: [edKey] },
  mac: { dataKey },
};
const modes: readonly Mode[] = ['hash', 'both', 'mac'];

/** Each list of key periods before the crash that ends in one without signers, and in which a signature alone answers for entries. */
const behind: Mode[][] = modes.flatMap((one) =>
  [[], ...modes.map((two) => [two])].map((more): Mode[] => [
    'hash',
    ...(one === 'hash' ? more : [one, ...more]),
    'mac',
  ]),
);

/** How the stream goes on after the crash: the mode of the run, and of the key period that it hands over to. */
const later: readonly (readonly [Mode, Mode?])[] = [
  ['both'],
  ['both', 'mac'],
  ['both', 'hash'],
  ['mac', 'both'],
  ['mac', 'hash'],
  ['mac'],
];

const signedRestarts = later.filter(([restart]) => restart === 'both');

interface Story {
  readonly before: readonly Mode[];
  readonly after: readonly [Mode, Mode?];
  /** A second crash and restart in the last mode before the crash. */
  readonly twice?: boolean;
  /** The restart cites the newest seal, or nothing. */
  readonly cites: boolean;
  /** Checkpoint lines before the restart: none is left, or all. */
  readonly lines: 'none' | 'all';
  readonly amount: number;
}

/** Key periods by hand-over with one record each, a crash, and a run that goes on. */
function logOf({ before, after: [restart, last], twice = false, cites, lines, amount }: Story): SealedLog {
  const log = new SealedLog();
  for (const [at, mode] of before.entries()) {
    if (at === 0) log.open(keysOf[mode]).seal().checkpoint();
    else log.handOver(keysOf[mode]);
    log
      .record(`{"amount":${at === 0 ? amount : at}}`)
      .seal()
      .checkpoint();
  }
  const open = (mode: Mode): void => {
    if (lines === 'none') log.lines = log.lines.filter(({ kind }) => kind !== 'checkpoint');
    const { size, root } = log.lastSeal;
    const adopts = keysOf[mode].signers !== undefined && !cites;
    log.open(keysOf[mode], {
      checkpoint: cites ? { size, root } : (undefined as never),
      adoptedFrom: adopts ? 1 : (undefined as never),
    });
    log.seal().checkpoint().record('{"more":1}').seal().checkpoint();
  };
  if (twice) open('mac');
  open(restart);
  if (last !== undefined) log.handOver(keysOf[last]).record('{"last":1}');
  return log.close().checkpoint();
}

const sameKey = Array<Buffer>(9).fill(dataKey);

async function judged(
  log: SealedLog,
  further: Further = {},
  data: readonly Buffer[] | undefined = sameKey,
): Promise<Judgement> {
  const sources = log.toFiles().map(({ name, bytes }) => memorySource(name, bytes));
  return judge(sources, brings(log, { ...(data && { data }), named: [edKey] }, further));
}

const stories = behind.flatMap((before) =>
  later.flatMap((after) =>
    [false, true].flatMap((twice) => [false, true].map((cites) => ({ before, after, twice, cites }))),
  ),
);

describe('entries that a signature alone answers for, behind a key period without signers', () => {
  it('are adopted by the restart where no signature of them stands before it, whatever it cites and whoever signs later (M8.15)', async () => {
    const wrong: unknown[] = [];
    for (const story of stories) {
      // a record was altered between the crash and the restart: no key is needed for that, the MACs are those of other entries
      const log = logOf({ ...story, lines: 'none', amount: 1_000_000 });
      const { verdict, codes } = await judged(log);
      const adopted = codes.some((code) => code.startsWith('ADOPTED 1'));
      // a run without signers after one that had one says so itself (M8.14)
      const said = adopted || (story.after[0] === 'mac' && codes.some((code) => code.startsWith('UNSIGNED')));
      if (verdict !== 2 || !said) wrong.push({ story, verdict, codes });
    }
    expect(wrong).toEqual([]);
    expect(stories.length).toBeGreaterThan(200);
  });

  it('are counted by the limit of the policy', async () => {
    for (const after of signedRestarts) {
      const story: Story = { before: ['hash', 'mac'], after, cites: true, lines: 'none', amount: 1 };
      const within = await judged(logOf(story), { accept: { adopted: 8 } });
      expect(within.codes.filter((code) => code.startsWith('ADOPTED'))).toEqual([]);
      const above = await judged(logOf(story), { accept: { adopted: 7 } });
      expect(above.codes).toContain('ADOPTED 1-8');
    }
  });

  it('are nobody’s to adopt where the signatures before the restart cover them and the MACs the rest', async () => {
    const wrong: unknown[] = [];
    for (const { before, after, twice } of stories) {
      // a run with signers after one without marks what no signer covers; an honest one cites what a signer signed
      if (after[0] === 'both') continue;
      const log = logOf({ before, after, twice, cites: true, lines: 'all', amount: 100 });
      const { verdict, codes } = await judged(log);
      if (codes.some((code) => code.startsWith('ADOPTED'))) wrong.push({ before, after, twice, verdict, codes });
    }
    expect(wrong).toEqual([]);
  });
});

describe('an adopted range', () => {
  /** A combined run, a crash, a combined run: the line of its last seal is gone. */
  function combined(): SealedLog {
    const log = new SealedLog().open(keysOf.both).seal().checkpoint();
    log.record('{"n":1}').seal();
    log
      .open({ dataKey: nextDataKey, signers: [edKey] })
      .seal()
      .checkpoint();
    return log.record('{"n":2}').close().checkpoint();
  }

  it('is nobody’s to answer for where its MACs were checked over all of it', async () => {
    const { verdict } = await judged(combined(), {}, [dataKey, nextDataKey]);
    expect(verdict).toBe(0);
  });

  it.each([
    ['the public key alone', []],
    ['the data key of the run after it only', [otherDataKey, nextDataKey]],
  ])('of combined key periods is adopted where the auditor has %s', async (_what, data) => {
    const { verdict, codes } = await judged(combined(), {}, data);
    expect(verdict).toBe(2);
    expect(codes).toContain('ADOPTED 3-4');
  });

  it('over a key period with MACs and one of checksums is adopted as a whole, whichever comes first', async () => {
    for (const before of [
      ['hash', 'mac'],
      ['hash', 'both'],
      ['mac', 'both', 'mac'],
      ['both', 'mac'],
    ] as const) {
      const log = logOf({ before, after: ['both'], cites: true, lines: 'none', amount: 9 });
      const { verdict, codes } = await judged(log);
      const unchecked = before.some((mode) => mode === 'hash');
      expect([before, codes.some((code) => code.startsWith('ADOPTED 1'))]).toEqual([before, unchecked]);
      if (unchecked) expect(verdict).toBe(2);
    }
  });

  it('vouches for no key period that a hand-over within it introduced (M8.16)', async () => {
    for (const after of signedRestarts) {
      const log = logOf({ before: ['hash', 'mac'], after, cites: true, lines: 'none', amount: 9 });
      const { verdict, codes } = await judged(log, { accept: { adopted: 1_000 } });
      expect(verdict).toBe(2);
      expect(codes).toContain('UNVOUCHED 5');
    }
  });

  it('begins behind what a held checkpoint answers for, and altered entries contradict it', async () => {
    for (const after of later) {
      const story = { before: ['hash', 'mac'], after, cites: true, lines: 'none' } as const;
      const untouched = logOf({ ...story, amount: 100 });
      const held = [untouched.note({ size: 6 })];
      expect((await judged(untouched, { held })).codes.filter((code) => code.startsWith('ADOPTED'))).toEqual([]);
      const { verdict, codes } = await judged(logOf({ ...story, amount: 1_000_000 }), { held });
      expect(verdict).toBe(1);
      expect(codes).toContain('KNOWN_CONTRADICTED 6');
    }
  });
});
