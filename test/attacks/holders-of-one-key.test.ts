import { describe, expect, it } from 'vitest';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { bothKeys, macLog, signKeys } from '../vectors/logs.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeLog, kinds } from './auditors.ts';

const data = Array<Buffer>(8).fill(dataKey);

describe('who holds the data key alone', () => {
  const mine = { dataKey, signers: [thirdEdKey] };
  const signMine = { signers: [thirdEdKey] };

  it.each([
    ['in one hand-over', (log: SealedLog) => log.key(mine).seal().record('forged')],
    [
      'in two, the first to no signer at all',
      (log: SealedLog) => log.key({ dataKey }).seal().record('forged').key(mine).seal().record('forged'),
    ],
    [
      'in two, the second signed by his own',
      (log: SealedLog) => log.key(mine).seal().record('forged').key(mine).seal().checkpoint(signMine).record('forged'),
    ],
  ] as const)('makes no successor of a signer of his own, %s that no signature covers', async (_how, handOver) => {
    const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1').seal().checkpoint();
    handOver(log);
    log.open(mine).seal().checkpoint(signMine).record('forged too').close().checkpoint(signMine);
    for (const successors of [false, true]) {
      const found = await judgeLog(log, brings(log, { data, named: [edKey] }, { accept: { successors } }));
      expect(found.verdict, `successors: ${successors}: ${found.codes.join()}`).not.toBe(0);
      expect(kinds(found)).toContain('UNSIGNED');
    }
  });
});

describe('who holds a retired signing key', () => {
  it('does not reach the next key with entries that nothing seals, in a log that is still written', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('forged').seal().checkpoint();
    log.record(...Array.from({ length: 30 }, (_, at) => `unsealed ${at}`));
    const ranges = { [vkeyOf(log.origin, edKey)]: [1, 20], [vkeyOf(log.origin, nextEdKey)]: [21, 0] } as const;
    const now = new Date(log.clock + 5000).toISOString();
    for (const end of [{ live: true }, { until: new Date(log.clock - 60_000).toISOString() }]) {
      const found = await judgeLog(
        log,
        brings(log, { named: [edKey, nextEdKey] }, { ...end, now, vkey_ranges: ranges }),
      );
      expect(found.codes).toContain('END_UNPROVEN 34');
    }
  });

  it('hands over to nobody above the sizes that it is named for', async () => {
    const next = { dataKey, signers: [thirdEdKey] };
    const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1').seal().checkpoint();
    log.record('2', '3', '4').key(next).seal().checkpoint().record('forged');
    log.open(next).seal().checkpoint().record('forged').close().checkpoint();
    const ranges = { [vkeyOf(log.origin, edKey)]: [1, 6] } as const;
    const auditor = brings(log, { data, named: [edKey] }, { vkey_ranges: ranges, accept: { successors: true } });
    expect((await judgeLog(log, auditor)).verdict).not.toBe(0);
  });
});

describe('a verifier that reads what an attacker wrote', () => {
  it('walks no more steps than the limit, whatever seq and step are claimed after a hole', async () => {
    const log = macLog();
    const far = 9_007_199_254_740_000;
    const auth = 'A'.repeat(43);
    log.recordAs('{"x":1,', undefined, undefined, false, { seq: far, auth });
    log.seal({ step: far, records: 1 }, { seq: far + 1, auth });
    const found = await judgeLog(log, brings(log, { data }));
    expect(found.verdict).toBe(1);
    expect(kinds(found)).toContain('LIMIT');
  });

  it('takes no name of a stream that cannot be one', async () => {
    const log = macLog();
    log.open({ dataKey }, { origin: 'a\u001b[2Jb' });
    const found = await judgeLog(log, brings(log, { data }));
    expect(kinds(found)).toContain('CONTROL_MALFORMED');
    expect(JSON.stringify(found.findings)).not.toContain('[2J');
  });
});
