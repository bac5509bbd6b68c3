import { SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey } from '../keys.ts';
import { bothLog, macBody, macKeys, macLog, signedLog } from '../logs.ts';
import { cutAfter, drop, dropCheckpoints, edit, entry, insertAfter, swap } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

const first = 'FIRST_RUN_TRUSTS_KEY 1';
const data = { data: [dataKey] };

function mac(name: string, about: string, log: SealedLog, ...findings: string[]): VectorCase {
  return vector(name, about, log, brings(log, data), 1, first, ...findings);
}

function otherStream(): SealedLog {
  return new SealedLog('audit.example.com/vectors/b')
    .open(macKeys)
    .seal()
    .checkpoint()
    .record('of another stream', 'again')
    .close()
    .checkpoint();
}

function mislabelled(): SealedLog {
  const log = macBody();
  return log
    .recordAs('{"a":1,', undefined, undefined, false, { kid: `${log.kid.slice(0, 9)}7` })
    .close()
    .checkpoint();
}

function renumbered(): SealedLog {
  const log = dropCheckpoints(drop(macLog(), 4, 5));
  for (let seq = 6; seq <= 14; seq++) edit(log, seq, `"seq":${seq}`, `"seq":${seq - 2}`);
  return log;
}

function forked(): VectorCase {
  const log = macBody().close('rotated').checkpoint();
  const other = log.fork().rotate('log.fork.jsonl').record('what really happened').close().checkpoint();
  log.rotate('log.2.jsonl').record('what is said to have happened').close().checkpoint();
  const files = [...log.toFiles(), ...other.toFiles().slice(1)];
  const about = 'two files continue the first one, and differ';
  return vector('fork', about, files, brings(log, data), 1, first, 'FORK 15');
}

function otherData(): VectorCase {
  const log = insertAfter(macLog(), 5, entry(otherStream(), 3).bytes);
  return mac('foreign-tag', 'a line of another stream stands among ours', log, 'FOREIGN_TAG');
}

/** The MAC of entry 5 replaced; the auditor has the public key alone and cannot compute it. */
function uncheckedMacs(): VectorCase[] {
  const log = bothLog();
  const auditor = brings(log, { named: [edKey] });
  const text = entry(log, 5).bytes.toString('latin1');
  const replaced = (mac: string): SealedLog => edit(bothLog(), 5, text.slice(-46, -3), mac);
  const payload = '"},"amount":1000000,"x":{"y":"zzzzzzzzzzzzzzzzz'.slice(0, 43);
  const last = text.slice(-4, -3);
  const other = String.fromCharCode(last.charCodeAt(0) + 1); // the same 32 bytes in another spelling
  return [
    vector(
      'mac-carries-payload',
      'a MAC that the auditor cannot check is replaced by JSON members of the same length',
      replaced(payload),
      auditor,
      1,
      'FOREIGN_LINE 5',
      'ENTRIES_MISSING 5',
    ),
    vector(
      'mac-not-canonical',
      'a MAC that the auditor cannot check ends in a character that no 32 bytes end in',
      replaced(text.slice(-46, -4) + other),
      auditor,
      1,
      'FOREIGN_LINE 5',
      'ENTRIES_MISSING 5',
    ),
    vector(
      'valid-both-mac-replaced',
      'a MAC is replaced by another of the same form; only an auditor with the data key notices',
      replaced('A'.repeat(43)),
      auditor,
      0,
    ),
  ];
}

function splicedEpoch(): VectorCase {
  const log = macBody().handOver({ dataKey: nextDataKey }).record('one', 'two', 'three').close().checkpoint();
  const line = entry(log, 17);
  line.bytes = Buffer.from(entry(log, 9).bytes.toString('utf8').replace('"seq":9', '"seq":17'));
  const about = 'a record is replaced by one of the key period before, renumbered';
  const auditor = brings(log, { data: [dataKey, nextDataKey] });
  return vector('key-id-of-other-epoch', about, log, auditor, 1, first, 'KEY_ID_WRONG 17');
}

/** Entries changed, moved, inserted and left out. */
export function entryCases(): VectorCase[] {
  const signed = edit(signedLog(), 5, '"amount":21', '"amount":20');
  const rehashed = signedLog();
  const line = entry(edit(rehashed, 5, '"amount":21', '"amount":20'), 5);
  const leaf = line.bytes.subarray(0, -46);
  line.bytes = Buffer.concat([leaf, Buffer.from(`${rehashed.authOf(leaf)}"}}`)]);
  const rehashedAndStale = edit(rehashed.fork(), 6, '"amount":28', '"amount":82');
  const several = edit(edit(signedLog(), 5, '"amount":21', '"amount":20'), 12, 'payment 9', 'a refund of 9');
  const fullyRehashed = brings(rehashed, { named: [edKey] });
  const both = edit(bothLog(), 5, '"amount":21', '"amount":20');
  return [
    mac(
      'foreign-line',
      'a line that was never sealed',
      insertAfter(macLog(), 5, '{"level":30,"msg":"never sealed"}'),
      'FOREIGN_LINE 6',
    ),
    otherData(),
    mac('entries-missing', 'three records are deleted', drop(macLog(), 5, 6, 7), 'ENTRIES_MISSING 5-7'),
    mac('entry-missing-with-seal', 'a seal is deleted', drop(macLog(), 8), 'CHECKPOINT_EARLY 8', 'ENTRIES_MISSING 8'),
    mac('out-of-order', 'two records change places', swap(macLog(), 4, 6), 'OUT_OF_ORDER 4-6'),
    mac(
      'duplicate-entry',
      'a record stands twice',
      insertAfter(macLog(), 5, entry(macLog(), 5).bytes),
      'DUPLICATE_ENTRY 5',
    ),
    mac(
      'replayed-as-another',
      'a record is replaced by a copy of another',
      replaced(),
      'ENTRIES_MISSING 6',
      'DUPLICATE_ENTRY 4',
    ),
    mac(
      'renumbered',
      'two records are deleted, the rest renumbered',
      renumbered(),
      'AUTH_WRONG 4',
      ...[5, 6, 7, 8, 9, 10, 11, 12].map((seq) => `AUTH_WRONG ${seq}`),
    ),
    forked(),
    ...uncheckedMacs(),
    mac('auth-wrong', 'a record is changed', edit(macLog(), 5, '"amount":21', '"amount":20'), 'AUTH_WRONG 5'),
    mac(
      'auth-wrong-control',
      'the time of a seal is changed',
      edit(macLog(), 8, '23:00:03', '23:00:04'),
      'AUTH_WRONG 8',
    ),
    mac(
      'auth-wrong-mac',
      'the MAC itself is changed',
      edit(macLog(), 5, entry(macLog(), 5).bytes.toString().slice(-46, -36), 'AAAAAAAAAA'),
      'AUTH_WRONG 5',
    ),
    vector(
      'auth-wrong-both',
      'a record is changed; the auditor has data key and public key',
      both,
      brings(both, { data: [dataKey], named: [edKey] }),
      1,
      'AUTH_WRONG 5',
    ),
    vector(
      'checksum-wrong',
      'a record of a signed log is changed',
      signed,
      brings(signed, { named: [edKey] }),
      1,
      'CHECKSUM_WRONG 5',
    ),
    vector(
      'checksum-wrong-twice',
      'two records of a signed log are changed: their checksums are those that were signed, so all else is proven',
      several,
      brings(several, { named: [edKey] }),
      1,
      'CHECKSUM_WRONG 5',
      'CHECKSUM_WRONG 12',
    ),
    vector(
      'checksum-wrong-and-rehashed',
      'one record of a signed log is changed, and another one together with its checksum',
      rehashedAndStale,
      fullyRehashed,
      1,
      'CHECKSUM_WRONG 6',
      'ROOT_MISMATCH 8',
    ),
    vector(
      'root-mismatch',
      'a record is changed together with its checksum',
      rehashed,
      fullyRehashed,
      1,
      'ROOT_MISMATCH 8',
    ),
    mac(
      'key-id-wrong',
      'a record of the key holder names a key period that was never introduced',
      mislabelled(),
      'KEY_ID_WRONG 14',
    ),
    splicedEpoch(),
    mac('mode-wrong', '`mac` is rewritten to `hash`', edit(macLog(), 5, '"mac":', '"hash":'), 'MODE_WRONG 5'),
    mac(
      'first-line-changed',
      'the first line lost a byte',
      edit(macLog(), 1, '"records":1000', '"records":100'),
      'AUTH_WRONG 1',
    ),
    vector(
      'tail-cut',
      'the last five entries are cut off',
      cutAfter(macLog(), 9),
      brings(macLog(), data),
      2,
      first,
      'END_UNPROVEN 9',
    ),
  ];
}

function replaced(): SealedLog {
  const log = macLog();
  entry(log, 6).bytes = Buffer.from(entry(log, 4).bytes);
  return log;
}
