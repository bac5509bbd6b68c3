import { describe, expect, it } from 'vitest';
import { vkeyOf } from '../support/signing-keys.ts';
import {
  droppedByConflict,
  filesOf,
  holdingBefore,
  listedLast,
  liveAt,
  ofAll,
  restartedWith,
  rotatedTo,
  withoutFirst,
} from '../vectors/catalogue/dropped-signers.ts';
import { dataKey, edKey, thirdEdKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, macLog, signKeys } from '../vectors/logs.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeFiles, judgeLog, kinds } from './auditors.ts';

/** One of two keys is dropped, where the files that are here do not show that it was there (M8.4, M8.14). */

describe('who holds the data key alone', () => {
  it.each([
    ['in a next file', rotatedTo(macKeys)],
    ['in a restart', restartedWith(bothKeys, macKeys)],
    ['in a restart with a signer of his own', restartedWith(bothKeys, { dataKey, signers: [thirdEdKey] })],
  ] as const)('drops no signature that the held checkpoint before the range carries, %s', async (_how, log) => {
    for (const part of [false, true]) {
      const found = await judgeFiles(withoutFirst(log), holdingBefore(log, { part }));
      expect(found.verdict, found.codes.join()).toBe(2);
      expect(kinds(found)).toContain('UNSIGNED');
    }
  });

  it('drops it with a key that is named up to there only', async () => {
    const log = restartedWith(bothKeys, macKeys);
    const ranges = { [vkeyOf(log.origin, edKey)]: [1, 5] } as const;
    const found = await judgeFiles(withoutFirst(log), holdingBefore(log, { vkey_ranges: ranges }));
    expect(kinds(found)).toContain('UNSIGNED');
  });

  it.each([[undefined], [[1, 0]], [[11, 0]], [[1, 5]]] as const)(
    'writes no log without signers for an auditor who named a public key, for the entries %j',
    async (range) => {
      const log = macLog();
      const vkey_ranges = range && { [vkeyOf(log.origin, edKey)]: range };
      const auditor = brings(log, { data: [dataKey], named: [edKey] }, vkey_ranges && { vkey_ranges });
      const found = await judgeLog(log, auditor);
      expect(found.verdict).toBe(2);
      expect(kinds(found)).toContain('UNSIGNED');
    },
  );

  it('does not meet the demand by listing the key, last of all', async () => {
    const log = listedLast();
    const found = await judgeLog(log, brings(log, { data: [dataKey, dataKey], named: [edKey] }, liveAt(log)));
    expect(found.codes).toContain('UNSIGNED 1-5');
  });

  it('begins no stream without signatures in place of a signed one', async () => {
    const logs = droppedByConflict();
    const found = await judgeFiles(filesOf(logs), ofAll(logs));
    expect(found.verdict).toBe(2);
    expect(kinds(found)).toContain('UNSIGNED');
  });
});

describe('who may sign and has no data key', () => {
  it.each([
    ['in a next file', rotatedTo(signKeys)],
    ['in a restart', restartedWith(bothKeys, signKeys)],
  ] as const)('drops no MACs that the held checkpoint before the range shows, %s', async (_how, log) => {
    for (const part of [false, true]) {
      const found = await judgeFiles(withoutFirst(log), holdingBefore(log, { part }));
      expect(found.codes).toContain('START_UNPROVEN 6');
    }
  });

  it('is believed where the auditor holds a checkpoint of the range itself', async () => {
    const log = restartedWith(bothKeys, signKeys);
    const held = [log.note({ size: 5 }), log.note({ size: 9 })];
    expect((await judgeFiles(withoutFirst(log), holdingBefore(log, { held }))).verdict).toBe(0);
  });
});
