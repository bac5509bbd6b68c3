import type { SealedLog } from '../../support/sealed-log.ts';
import { SealedLog as Log } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../keys.ts';
import { macBody, macKeys, signedBody } from '../logs.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** What a writer of a later version may say, and what no version says. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';
const later = (leaf: string): string => leaf.replace('"key":{', '"key":{"later":1,');

function mac(name: string, about: string, log: SealedLog, verdict: 1 | 2, ...findings: string[]): VectorCase {
  return vector(name, about, log, brings(log, { data: [dataKey, nextDataKey] }), verdict, ...findings);
}

function begun(leaf: (leaf: string) => string): SealedLog {
  return new Log().open(macKeys, {}, { leaf }).seal().checkpoint().close().checkpoint();
}

function citesTooMuch(): SealedLog {
  const { root } = macBody().lastSeal;
  return new Log()
    .open(macKeys, { checkpoint: { size: 8, root } })
    .seal()
    .checkpoint()
    .close()
    .checkpoint();
}

export function laterVersionCases(): VectorCase[] {
  const key = macBody().key({ dataKey: nextDataKey }, {}, { leaf: later }).seal().checkpoint().record('{"n":1}');
  key.close('rotated').checkpoint().rotate('log.2.jsonl').record('{"n":2}').close().checkpoint();
  const signed = signedBody()
    .key({ signers: [nextEdKey] }, {}, { leaf: later })
    .seal()
    .checkpoint()
    .record('{"n":1}')
    .close()
    .checkpoint();
  const rotated = macBody().close('rotated').checkpoint().rotate('log.2.jsonl', {}, { leaf: later }).record('{"n":1}');
  rotated.close('rotated').checkpoint().rotate('log.3.jsonl').record('{"n":2}').close().checkpoint();
  return [
    mac(
      'unsupported-key-member',
      'a hand-over with a member of a later version: the key period after it is unknown up to the next file',
      key,
      2,
      first,
      'UNSUPPORTED 14',
      'RESTART_TRUSTS_KEY 16',
    ),
    vector(
      'unsupported-key-member-signed',
      'a hand-over of a signed log with a member of a later version',
      signed,
      brings(signed, { named: [edKey, nextEdKey] }),
      2,
      'UNSUPPORTED 14',
      'END_UNPROVEN 17',
    ),
    mac(
      'unsupported-open-member',
      'a next file begins with a member of a later version; the one after it does not',
      rotated,
      2,
      first,
      'UNSUPPORTED 15',
    ),
    mac(
      'open-without-why',
      'an open without `why`: malformed, of no later version',
      begun((leaf) => leaf.replace('"why":"new",', '')),
      1,
      'CONTROL_MALFORMED 1',
    ),
    mac(
      'open-without-records',
      'a key reference without `records`: malformed, of no later version',
      begun((leaf) => leaf.replace('"records":"mac",', '')),
      1,
      'CONTROL_MALFORMED 1',
    ),
    mac(
      'open-without-format',
      'an open without `format`: malformed, of no later version',
      begun((leaf) => leaf.replace('"format":1,', '')),
      1,
      'CONTROL_MALFORMED 1',
    ),
    mac(
      'open-contradicts-checkpoint',
      'the first open of a stream cites a checkpoint: nothing stands before it',
      citesTooMuch(),
      1,
      first,
      'OPEN_CONTRADICTS 1',
    ),
  ];
}
