import { describe, expect, it } from 'vitest';
import { judge, memorySource } from '../support/judge.ts';
import { type EpochKeys, type Forgery, SealedLog } from '../support/sealed-log.ts';
import { someOf } from '../support/tier.ts';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';

/** A log of a later version of the format is undecided wherever it says something new, and never tampered (M8.9). */

type ControlEntry = Parameters<SealedLog['control']>[0];
type Rewrite = (leaf: string, entry: ControlEntry) => string;

/** Rewrites one control entry before it is sealed: what a writer of another version would do. */
class OtherVersion extends SealedLog {
  entries = 0;
  readonly #target: number;
  readonly #rewrite: Rewrite;

  constructor(target: number, rewrite: Rewrite) {
    super();
    this.#target = target;
    this.#rewrite = rewrite;
  }

  override control(entry: ControlEntry, forgery: Forgery = {}): this {
    if (++this.entries !== this.#target) return super.control(entry, forgery);
    return super.control(entry, { leaf: (leaf) => this.#rewrite(leaf, entry) });
  }
}

function fill(log: SealedLog, first: EpochKeys, second: EpochKeys): void {
  log.open(first).seal().checkpoint().record('{"n":1}', 'text').seal().checkpoint().gap(1).record('{"n":2}');
  log.handOver(second).record('{"n":3}').close('rotated').checkpoint().rotate('log.2.jsonl').record('{"n":4}');
  log.seal().checkpoint().close('rotated').checkpoint().rotate('log.3.jsonl').record('{"n":5}').handOver(second);
  log.record('{"n":6}').close().checkpoint().open(second, { why: 'resumed' }).seal().checkpoint().record('{"n":7}');
  log.seal().checkpoint().open(second).seal().checkpoint().record('{"n":8}').close().checkpoint();
}

const modes: [string, EpochKeys, EpochKeys][] = [
  ['mac', { dataKey }, { dataKey: nextDataKey }],
  ['hash', { signers: [edKey] }, { signers: [nextEdKey] }],
  ['both', { dataKey, signers: [edKey] }, { dataKey: nextDataKey, signers: [nextEdKey] }],
  ['mac to hash', { dataKey, signers: [edKey] }, { signers: [nextEdKey] }],
];
const data = [dataKey, ...Array<Buffer>(6).fill(nextDataKey)];
const auditors = [{ data, named: [edKey, nextEdKey] }, { data }, { named: [edKey, nextEdKey] }, {}];

async function verdicts(log: SealedLog): Promise<{ verdict: number; codes: string }[]> {
  const sources = log.toFiles().map(({ name, bytes }) => memorySource(name, bytes));
  const found = await Promise.all(auditors.map((keys) => judge(sources, brings(log, keys))));
  return found.map(({ verdict, codes }) => ({ verdict, codes: codes.join(', ') }));
}

const member: Rewrite = (leaf) => leaf.replace(/"key_id":"[^"]*","(?:mac|hash)":"$/, '"later":1,$&');
const inside: Rewrite = (leaf, { kind }) =>
  kind === 'open' || kind === 'key' ? leaf.replace('"key":{', '"key":{"later":1,') : member(leaf, { kind } as never);

describe.each(modes)('a log sealed with %s', (_name, first, second) => {
  const plain = new OtherVersion(0, member);
  fill(plain, first, second);

  it.each([
    ['a member of a later version', member],
    ['a member of a later version inside a key reference', inside],
  ])('is undecided with %s in any one control entry', async (_what, rewrite) => {
    for (const target of someOf([...Array(plain.entries + 1).keys()].slice(1), 4)) {
      const log = new OtherVersion(target, rewrite);
      fill(log, first, second);
      for (const { verdict, codes } of await verdicts(log)) {
        expect(verdict, `control entry ${target}: ${codes}`).toBe(2);
        expect(codes, `control entry ${target}`).toContain('UNSUPPORTED');
      }
    }
  });
});

describe('a member that every version says', () => {
  const cases: [string, RegExp][] = [
    ['format', /"format":1,/],
    ['why', /"why":"[a-z]+",/],
    ['records', /"records":"[a-z]+",/],
    ['algorithm', /,"algorithm":"[a-z0-9]+"/],
    ['step', /"step":\d+,/],
  ];

  it.each(cases)('is malformed without "%s", not of a later version', async (_name, text) => {
    const log = new OtherVersion(1, (leaf) => leaf.replace(text, ''));
    fill(log, { dataKey, signers: [edKey] }, { dataKey: nextDataKey, signers: [nextEdKey] });
    const [found] = await verdicts(log);
    expect(found).toMatchObject({ verdict: 1, codes: expect.stringContaining('CONTROL_MALFORMED 1') });
    expect(found?.codes).not.toContain('UNSUPPORTED');
  });
});

describe('the checkpoint that an open cites', () => {
  const root = new SealedLog().open({ dataKey }).seal().lastSeal.root;
  const cited = async (says: { size: number; root: typeof root }, keep: (file: string) => boolean): Promise<string> => {
    const log = new SealedLog().open({ dataKey }).seal().checkpoint().record('{"n":1}').close('rotated').checkpoint();
    log.rotate('log.2.jsonl', { checkpoint: says }).record('{"n":2}').close().checkpoint();
    const files = log.toFiles().filter(({ name }) => keep(name));
    const sources = files.map(({ name, bytes }) => memorySource(name, bytes));
    return (await judge(sources, brings(log, { data }))).codes.join(', ');
  };

  it('is checked in the first open of a stream: nothing was signed before it', async () => {
    const log = new SealedLog()
      .open({ dataKey }, { checkpoint: { size: 2, root } })
      .seal()
      .checkpoint()
      .close();
    const [found] = await verdicts(log.checkpoint());
    expect(found).toMatchObject({ verdict: 1, codes: expect.stringContaining('OPEN_CONTRADICTS 1') });
  });

  it('is checked in an open in the middle, where a range begins', async () => {
    const alone = (file: string): boolean => file === 'log.2.jsonl';
    expect(await cited({ size: 4, root }, alone)).toContain('OPEN_CONTRADICTS 5');
    expect(await cited({ size: 5, root }, alone)).toContain('OPEN_CONTRADICTS 5');
    expect(await cited({ size: 0, root }, alone)).toContain('OPEN_CONTRADICTS 5');
    expect(await cited({ size: 2, root }, alone)).not.toContain('OPEN_CONTRADICTS');
  });

  it('is that of a seal or close', async () => {
    expect(await cited({ size: 2, root }, () => true)).not.toContain('OPEN_CONTRADICTS');
    expect(await cited({ size: 3, root }, () => true)).toContain('OPEN_CONTRADICTS 5');
  });
});
