import { describe, expect, it } from 'vitest';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, signKeys } from '../vectors/logs.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeLog, kinds } from './auditors.ts';

/** Ranges that the auditor gave for keys: up to an entry, and from one on (M8.1, M8.21). */

const upTo = (
  log: SealedLog,
  ranges: readonly (readonly [number, number])[],
): Record<string, readonly [number, number]> =>
  Object.fromEntries(ranges.map((range, at) => [`${log.kid.split('.')[0]}.${at + 1}`, range]));

describe('who holds a retired data key', () => {
  it.each([
    ['goes on in its key period', (log: SealedLog) => log.record('forged')],
    ['hands over to itself', (log: SealedLog) => log.key(macKeys).seal().checkpoint().record('forged')],
    ['starts again', (log: SealedLog) => log.open(macKeys).seal().checkpoint().record('forged')],
  ] as const)('writes nothing that counts above its range: %s', async (_how, forge) => {
    const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2').seal().checkpoint();
    forge(log).close().checkpoint();
    for (let until = 5; until < log.size; until++) {
      const further = {
        data_key_ranges: upTo(log, [
          [1, until],
          [1, until],
        ]),
      } as const;
      const found = await judgeLog(log, brings(log, { data: [dataKey, dataKey] }, further));
      expect(found.verdict, `until ${until}: ${found.codes.join()}`).toBe(2);
      const first = found.findings.find(({ code }) => code === 'NO_KEY')?.seq ?? 0;
      expect(first).toBeLessThanOrEqual(until + 2);
    }
  });

  it('is not missed where it handed over: every honest border is ok', async () => {
    const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2');
    log.handOver({ dataKey: nextDataKey }).record('3').close().checkpoint();
    // 5 is the `key` entry, 6 its seal, 7 the first entry under the next key
    const verdict = async (until: number, from: number): Promise<number> => {
      const further = {
        data_key_ranges: upTo(log, [
          [1, until],
          [from, 0],
        ]),
      } as const;
      return (await judgeLog(log, brings(log, { data: [dataKey, nextDataKey] }, further))).verdict;
    };
    for (const from of [5, 6, 7]) for (const until of [6, 7, 0]) expect(await verdict(until, from)).toBe(0);
    expect(await verdict(5, 6), 'the seal of the hand-over is under the old key').toBe(2);
    expect(await verdict(6, 8), 'the first entry under the next key is below its range').toBe(2);
  });
});

describe('who goes on in place of a key that the auditor named from an entry on', () => {
  const mine = { dataKey, signers: [thirdEdKey] };

  it.each([
    ['signatures', signKeys, { signers: [thirdEdKey] }],
    ['both', bothKeys, mine],
    ['both, to no signer', bothKeys, macKeys],
  ] as const)('is found, in a log of %s', async (_mode, keys, stranger) => {
    const log = new SealedLog().open(keys).seal().checkpoint().record('1').handOver(stranger);
    log.record('forged', 'forged').close().checkpoint();
    const ranges = { [vkeyOf(log.origin, edKey)]: [1, 5], [vkeyOf(log.origin, nextEdKey)]: [6, 0] } as const;
    const named = [edKey, nextEdKey];
    for (const successors of [false, true]) {
      const data = [dataKey, dataKey];
      const found = await judgeLog(log, brings(log, { data, named }, { vkey_ranges: ranges, accept: { successors } }));
      expect(found.verdict).toBe(2);
      const said = found.findings.filter(({ code }) => code === 'END_UNPROVEN').map(({ message }) => message);
      if (successors || keys === bothKeys) expect(said.join()).toContain(vkeyOf(log.origin, nextEdKey));
    }
  });

  it('is not suspected where the key did sign', async () => {
    const log = new SealedLog()
      .open(signKeys)
      .seal()
      .checkpoint()
      .record('1')
      .handOver({ signers: [nextEdKey] });
    log.record('2').close().checkpoint();
    for (const from of [4, 5, 6, 7]) {
      const ranges = { [vkeyOf(log.origin, nextEdKey)]: [from, 0] } as const;
      const found = await judgeLog(log, brings(log, { named: [edKey, nextEdKey] }, { vkey_ranges: ranges }));
      expect([found.verdict, ...kinds(found)]).toEqual([0]);
    }
  });
});
