import { SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey } from '../keys.ts';
import { macKeys, signKeys } from '../logs.ts';
import { edit, entry } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Honest logs of which a part is not here: undecided, never tampered. What is here is verified all the same. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

/** Three files: entries 1-5, 6-11, 12-14. */
function three(keys: Parameters<SealedLog['open']>[0]): SealedLog {
  const log = new SealedLog().open(keys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
  log.rotate('log.2.jsonl').record('3', '4').seal().checkpoint().record('5').close('rotated').checkpoint();
  return log.rotate('log.3.jsonl').record('6').close().checkpoint();
}

function without(log: SealedLog, name: string): ReturnType<SealedLog['toFiles']> {
  return log.toFiles().filter((file) => file.name !== name);
}

/** A record of the last file is changed, and its checksum made right. */
function altered(): SealedLog {
  const log = three(signKeys);
  const line = entry(edit(log, 13, '"line":"6"', '"line":"7"'), 13);
  const leaf = line.bytes.subarray(0, -46);
  line.bytes = Buffer.concat([leaf, Buffer.from(`${log.authOf(leaf)}"}}`)]);
  return log;
}

/** A pipe that another tool cut at any line, a hand-over in it. Pieces: entries 1-4, 5-6, 7-11, 12-14. */
function pieces(): SealedLog {
  const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2');
  log.file = 'log.2.jsonl';
  log.record('3', '4');
  log.file = 'log.3.jsonl';
  log.record('5').handOver({ dataKey: nextDataKey }).record('6').close('rotated');
  return log.rotate('log.4.jsonl').checkpoint().record('7').close().checkpoint();
}

/** The piece that begins with the checkpoint of an entry in the piece before it. */
function lateCheckpoint(): SealedLog {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1', '2').seal();
  log.file = 'log.2.jsonl';
  log.checkpoint().record('3').seal().record('4').checkpoint().close('rotated').checkpoint();
  return log.rotate('log.3.jsonl').checkpoint({ size: 7 }).record('5').close().checkpoint();
}

/** The same pipe, cut also around the checkpoint before a restart: that file holds no entry. */
function checkpointApart(): SealedLog {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1').seal();
  log.file = 'log.2.jsonl';
  log.checkpoint();
  log.file = 'log.3.jsonl';
  return log.open(signKeys).seal().checkpoint().record('2').close().checkpoint();
}

/** A file of a checkpoint and what a crash left of a line; the restart begins the next file. */
function tornApart(): SealedLog {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1').seal();
  log.file = 'log.2.jsonl';
  log.checkpoint().raw('{"n":7,"msg":"torn');
  log.file = 'log.3.jsonl';
  return log.open(signKeys).seal().checkpoint().record('2').close().checkpoint();
}

/** Cut between a hand-over and the seal behind it: the key period changes, and nothing in the piece says so. */
function sealApart(): SealedLog {
  const log = new SealedLog().open(signKeys).seal().checkpoint();
  log.file = 'log.2.jsonl';
  log.record('1').key(signKeys);
  log.file = 'log.3.jsonl';
  return log.seal().checkpoint().record('2').close().checkpoint();
}

export function missingFileCases(): VectorCase[] {
  const signed = three(signKeys);
  const held = { held: [signed.note({ size: 11 })] };
  const piped = pieces();
  const data = [dataKey, nextDataKey];
  const late = lateCheckpoint();
  const apart = checkpointApart();
  const anywhere = { origin: 'audit.example.com/vectors/*' };
  return [
    vector(
      'valid-cut-under-pattern',
      'files that begin with no open, of a stream that a pattern names',
      piped,
      { ...brings(piped, { data }), ...anywhere },
      0,
      first,
    ),
    vector(
      'valid-checkpoint-apart',
      'a file that holds a checkpoint alone, before the run that rests on it; given as the last one',
      [...without(apart, 'log.2.jsonl'), ...apart.toFiles().filter(({ name }) => name === 'log.2.jsonl')],
      { ...brings(apart, { named: [edKey] }), ...anywhere },
      0,
      'RESTART 5',
    ),
    vector(
      'file-missing-held',
      'the second of three files is missing; the checkpoint before the third is held and proves the third alone',
      without(signed, 'log.2.jsonl'),
      brings(signed, { named: [edKey] }, held),
      2,
      'FILES_MISSING 6-11',
    ),
    vector(
      'file-missing-altered',
      'the second of three files is missing, and in the third a record is changed together with its checksum',
      without(altered(), 'log.2.jsonl'),
      brings(signed, { named: [edKey] }),
      1,
      'FILES_MISSING 6-11',
      'ROOT_MISMATCH 14',
    ),
    vector(
      'piece-missing',
      'a pipe that was cut into pieces: the second is missing, the third begins with a record',
      without(piped, 'log.2.jsonl'),
      brings(piped, { data }),
      2,
      first,
      'FILES_MISSING 5-6',
    ),
    vector(
      'torn-tail-behind-checkpoint',
      'a file holds a checkpoint and a line that was never finished; the restart begins the next one',
      tornApart(),
      brings(tornApart(), { named: [edKey] }),
      2,
      'RESTART 5',
      'TORN_TAIL',
    ),
    vector(
      'piece-missing-before-seal',
      'a pipe that was cut into pieces: the second, with a hand-over at its end, is missing',
      without(sealApart(), 'log.2.jsonl'),
      brings(sealApart(), { named: [edKey] }),
      2,
      'FILES_MISSING 3-4',
    ),
    vector(
      'pieces-missing-first',
      'the first two pieces are missing: the third has a hand-over, the fourth goes on under the key that it announced',
      piped.toFiles().slice(2),
      brings(piped, { data }),
      2,
      'START_UNPROVEN 7',
      'RESTART_TRUSTS_KEY 10',
    ),
    vector(
      'start-unproven-checkpoint',
      'the first piece is missing: the second begins with a checkpoint of it, the third has one of the second',
      late.toFiles().slice(1),
      brings(late, { named: [edKey] }),
      2,
      'START_UNPROVEN 6',
    ),
    vector(
      'last-entries-missing',
      'the pieces with entries are missing, one with the checkpoint of a later entry is here',
      [
        ...signed.toFiles().slice(0, 1),
        {
          name: 'log.9.jsonl',
          bytes: Buffer.concat([signed.lines.at(-1)?.bytes ?? Buffer.alloc(0), Buffer.from('\n')]),
        },
      ],
      brings(signed, { named: [edKey] }),
      2,
      'END_UNPROVEN 5',
      'FILES_MISSING 6-14',
    ),
  ];
}
