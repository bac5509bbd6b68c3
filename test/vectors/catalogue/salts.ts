import { commitOf, erase, erasedLine, type erasureOf, SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey } from '../keys.ts';
import { bothKeys, macKeys, signKeys } from '../logs.ts';
import { edit, entry, insertAfter } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Records with salts, and erased ones (M1.12, M1.13). Entries: 1 open, 2 seal, 3-7 records, 8 seal, 9 and 10 a long line, 11 close. */

export function salted(keys: object): SealedLog {
  const log = new SealedLog()
    .open({ ...keys, salted: true })
    .seal()
    .checkpoint();
  log.record('{"user":"ada"}', '{ }', 'a line of text', Buffer.from([0xff, 0]), '{"integrity":{"salt":"x"}}');
  return log.seal().checkpoint().longRecord(Buffer.from('0123456789'), 6).close().checkpoint();
}

/** C of the record that stands at a seq of a log. */
export const commitAt = (log: SealedLog, seq: number): string => commitOf(entry(log, seq).bytes);

/** What an erasure log says of a record. */
export function erasure(
  seq: number,
  commit: string,
  origin: string = new SealedLog().origin,
): ReturnType<typeof erasureOf> {
  return {
    erased: { origin, seq, commit },
    reason: 'request 4711',
    who: 'dpo@example.com',
    time: '2026-11-24T23:30:00.000Z',
    file: { name: 'log.jsonl', before: '0a'.repeat(32), after: 'f0'.repeat(32) },
    storage: 'in-place',
  };
}

export function saltCases(): VectorCase[] {
  const signed = () => salted(signKeys);
  const mac = () => salted(macKeys);
  const named = { named: [edKey] };
  const auditor = brings(signed(), named);
  const keyed = brings(mac(), { data: [dataKey] });
  const plain = new SealedLog().open(signKeys).seal().checkpoint().record('{"a":1}', '{"a":2}');
  const commit = commitAt(plain, 3);
  const withCommit = plain.fork();
  entry(withCommit, 3).bytes = Buffer.from(
    entry(withCommit, 3)
      .bytes.toString()
      .replace('{"a":1,', '{')
      .replace(',"key_id"', `,"commit":"${commit}","key_id"`),
  );
  const before = 'the line of an erased record';
  return [
    vector('valid-salted-hash', 'a signed log whose records have salts', signed(), auditor, 0),
    vector('valid-salted-mac', 'salts in a key period of MACs', mac(), keyed, 0, 'FIRST_RUN_TRUSTS_KEY 1'),
    vector(
      'valid-salted-both',
      'salts with MACs and signatures; the auditor has the public key',
      salted(bothKeys),
      auditor,
      0,
    ),
    vector(
      'valid-salted-then-not',
      'a later run has no salts, and a hand-over brings them back',
      signed()
        .open(signKeys)
        .seal()
        .checkpoint()
        .record('{"b":1}')
        .handOver({ ...signKeys, salted: true })
        .record('{"b":2}')
        .close()
        .checkpoint(),
      auditor,
      0,
      'RESTART 12',
    ),
    vector(
      'salt-missing',
      'a record without a salt in a key period of salts, by who holds the data key',
      new SealedLog()
        .open({ ...macKeys, salted: true })
        .seal()
        .checkpoint()
        .recordAs('{"a":1,', undefined, undefined, false, { salt: undefined })
        .close()
        .checkpoint(),
      keyed,
      1,
      'FIRST_RUN_TRUSTS_KEY 1',
      'MODE_WRONG 3',
    ),
    vector(
      'salt-unexpected',
      'a record with a salt in a key period without',
      new SealedLog()
        .open(macKeys)
        .seal()
        .checkpoint()
        .recordAs('{"a":1,', undefined, undefined, false, { salt: 'A'.repeat(22) })
        .close()
        .checkpoint(),
      keyed,
      1,
      'FIRST_RUN_TRUSTS_KEY 1',
      'MODE_WRONG 3',
    ),
    vector(
      'erased-record',
      'a record, and a part of a long line, are what erasing leaves of them; nothing shows who erased them',
      erase(signed(), 3, 9),
      auditor,
      2,
      'ERASED_UNPROVEN 3',
      'ERASED_UNPROVEN 9',
    ),
    vector(
      'erased-record-mac',
      'the same, by MACs',
      erase(mac(), 4, 5),
      keyed,
      2,
      'ERASED_UNPROVEN 4',
      'ERASED_UNPROVEN 5',
      'FIRST_RUN_TRUSTS_KEY 1',
    ),
    vector(
      'erased-unsalted',
      'a record without a salt cannot be erased',
      withCommit.close().checkpoint(),
      auditor,
      1,
      'ERASED_UNPROVEN 3',
      'MODE_WRONG 3',
    ),
    vector(
      'erased-with-content',
      `${before} shows content that no leaf covers`,
      edit(erase(signed(), 3), 3, '{"integrity"', '{"user":"eve","integrity"'),
      auditor,
      1,
      'ENTRIES_MISSING 3',
      'FOREIGN_LINE 3',
    ),
    vector(
      'erased-with-salt',
      `${before} with a salt too`,
      edit(erase(signed(), 3), 3, ',"commit"', `,"salt":"${'A'.repeat(22)}","commit"`),
      auditor,
      1,
      'ENTRIES_MISSING 3',
      'FOREIGN_LINE 3',
    ),
    vector(
      'erased-otherwise',
      `${before} with a made-up commitment`,
      (() => {
        const log = signed();
        entry(log, 3).bytes = erasedLine(entry(log, 3).bytes, commit);
        return log;
      })(),
      auditor,
      1,
      'CHECKSUM_WRONG 3',
      'ERASED_UNPROVEN 3',
    ),
    vector(
      'erased-and-there',
      'a record stands before its own erased line',
      (() => {
        const log = signed();
        return insertAfter(log, 3, erasedLine(entry(log, 3).bytes));
      })(),
      auditor,
      1,
      'DUPLICATE_ENTRY 3',
    ),
  ];
}
