import { describe, expect, it } from 'vitest';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { bothKeys, signKeys } from '../vectors/logs.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeLog, kinds } from './auditors.ts';

/** What was written behind the last signed checkpoint, and an honest restart then took over and signed (M8.13, M8.16). */

const data = Array<Buffer>(8).fill(dataKey);
const signMine = { signers: [thirdEdKey] };

/** A run of a stranger alone behind what the honest writer took over. */
function withOwnRun(log: SealedLog, keys: Parameters<SealedLog['open']>[0]): SealedLog {
  return log.open(keys).seal().checkpoint(signMine).record('forged too').close().checkpoint(signMine);
}

describe('who holds the data key, and writes behind the last signed checkpoint', () => {
  const mine = { dataKey, signers: [thirdEdKey] };
  const beside = { dataKey, signers: [edKey, thirdEdKey] };

  it.each([
    ['a hand-over', (log: SealedLog) => log.key(mine).seal().record('forged')],
    ['a hand-over to both', (log: SealedLog) => log.key(beside).seal().checkpoint(signMine).record('forged')],
    ['a run of his own', (log: SealedLog) => log.open(mine).seal().record('forged')],
    ['a run of both', (log: SealedLog) => log.open(beside).seal().checkpoint(signMine).record('forged')],
    [
      'two hand-overs',
      (log: SealedLog) => log.key({ dataKey }).seal().record('forged').key(mine).seal().record('forged'),
    ],
  ] as const)('is no successor by %s that a restart signs over', async (_how, forge) => {
    const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1').seal().checkpoint();
    forge(log);
    log.open(bothKeys).seal().checkpoint().record('honest').seal().checkpoint();
    withOwnRun(log, mine);
    for (const successors of [false, true]) {
      for (const held of [[], [log.note({ size: log.seals.at(-3)?.size ?? 0, mac: false })]]) {
        const further = { held, accept: { successors, adopted: 9 } };
        const found = await judgeLog(log, brings(log, { data, named: [edKey] }, further));
        expect(found.verdict, `successors: ${successors}: ${found.codes.join()}`).not.toBe(0);
        expect(kinds(found)).not.toContain('KEY_NOT_NAMED');
      }
    }
  });
});

describe('who holds no key, and writes behind the last signed checkpoint', () => {
  const beside = { signers: [edKey, thirdEdKey] };

  it.each([
    ['a hand-over', (log: SealedLog) => log.key(beside).seal().checkpoint(signMine).record('forged')],
    ['a run', (log: SealedLog) => log.open(beside).seal().checkpoint(signMine).record('forged')],
  ] as const)('is no successor by listing a named key beside his own in %s', async (_how, forge) => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('1').seal().checkpoint();
    forge(log);
    log.open(signKeys).seal().checkpoint().record('honest').seal().checkpoint();
    withOwnRun(log, { signers: [thirdEdKey] });
    for (const successors of [false, true]) {
      const found = await judgeLog(log, brings(log, { named: [edKey] }, { accept: { successors, adopted: 9 } }));
      expect(found.verdict, `successors: ${successors}: ${found.codes.join()}`).not.toBe(0);
      expect(kinds(found)).not.toContain('KEY_NOT_NAMED');
      expect(found.findings.map(({ message }) => message).join()).not.toContain('name: ');
    }
  });
});

describe('an honest restart', () => {
  it('keeps the successor of a hand-over that was signed before the crash', async () => {
    const next = { dataKey, signers: [nextEdKey] };
    const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1').handOver(next).record('2').seal();
    log.open(next).seal().checkpoint().record('3').close().checkpoint();
    const auditor = brings(log, { data, named: [edKey] }, { accept: { successors: true } });
    expect((await judgeLog(log, auditor)).codes.filter((code) => !code.startsWith('RESTART'))).toEqual([]);
  });

  it('may adopt a run that crashed before its first checkpoint, as far as the policy lets it', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('1').close().checkpoint();
    log.open(signKeys, { why: 'resumed' }).seal().record('2');
    log.open(signKeys).seal().checkpoint().record('3').close().checkpoint();
    const found = await judgeLog(log, brings(log, { named: [edKey] }, { accept: { adopted: 3 } }));
    expect([found.verdict, ...kinds(found)]).toEqual([0, 'RESTART']);
  });
});
