import { SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextEdKey } from '../keys.ts';
import { macBody, signedBody, signedLog, signKeys } from '../logs.ts';
import { edit, entry } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Where two statements of the format meet: each is decided by a sentence of its own. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function mac(name: string, about: string, log: SealedLog, verdict: 1 | 2, ...findings: string[]): VectorCase {
  return vector(name, about, log, brings(log, { data: [dataKey] }), verdict, first, ...findings);
}

/** An entry that stands for a seal, of a kind that no version knows yet, with its checkpoint. */
function checkpointOfUnknownKind(): SealedLog {
  const log = signedBody().controlText('note', '"text":"of a later version",').endStep().checkpoint();
  return log.record('{"n":1}').close('shutdown', { records: 11 }).checkpoint();
}

/** A record behind an entry of a later kind is another one, together with its checksum. */
function rehashedBehindUnknownKind(): SealedLog {
  const log = checkpointOfUnknownKind();
  const line = entry(edit(log, 15, '"n":1', '"n":2'), 15);
  const leaf = line.bytes.subarray(0, -46);
  line.bytes = Buffer.concat([leaf, Buffer.from(`${log.authOf(leaf)}"}}`)]);
  return log;
}

/** A gap that does not say how many lines, for a reason that no version knows yet. */
function unknownAndMissing(): SealedLog {
  const log = macBody().controlText('gap', '"since":"2026-11-24T23:00:04.000Z","why":"moonlight",');
  return log.close('shutdown', { records: 10 }).checkpoint();
}

/** A run whose last entries nothing had signed, the run that took them over, and what is held of that run. */
function heldAboveAdopted(): VectorCase {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1', '2');
  log.open(signKeys).seal().checkpoint().record('3').seal().checkpoint();
  const held = log.note();
  log.close().checkpoint();
  const auditor = brings(log, { named: [edKey] }, { held: [held] });
  const about = 'a checkpoint is held of what came after a restart: it says nothing of what the restart took over';
  return vector('adopted-held-above', about, log, auditor, 2, 'ADOPTED 3-4');
}

/** The log of a key that the auditor did not name: a held checkpoint vouches for its key period, and so for the key (M8.13). */
function successorSigns(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint();
  const held = log.note();
  log.record('1').close().checkpoint();
  const auditor = brings(log, { named: [edKey] }, { held: [held], accept: { successors: true } });
  return vector(
    'valid-successor-signs',
    'the key that is named signs nothing, an accepted successor does',
    log,
    auditor,
    0,
  );
}

function withoutOpen(): VectorCase {
  const log = edit(signedLog(), 5, '"amount":21', '"amount":20');
  log.lines = log.lines.filter(({ seq = 9 }) => seq > 3);
  const auditor = brings(log, { named: [edKey] });
  const about = 'the first lines are missing and a record behind them is changed: without an open nothing tells';
  return vector('start-unproven-altered', about, log, auditor, 2, 'START_UNPROVEN 4', 'END_UNPROVEN 14');
}

function halfCharacter(): SealedLog {
  return macBody().recordAs('{"line":"half a \\ud83d character",', 'text').close().checkpoint();
}

function yearZero(): SealedLog {
  return macBody().seal({ time: '0000-01-01T00:00:00.000Z' }).checkpoint().close().checkpoint();
}

export function borderCases(): VectorCase[] {
  const unknown = checkpointOfUnknownKind();
  return [
    vector(
      'unsupported-kind-checkpoint',
      'a checkpoint of an entry of a later kind: it has the root computed here, and is signed',
      unknown,
      brings(unknown, { named: [edKey] }),
      2,
      'UNSUPPORTED 14',
    ),
    vector(
      'unsupported-kind-root-mismatch',
      'a record behind an entry of a later kind is changed together with its checksum',
      rehashedBehindUnknownKind(),
      brings(unknown, { named: [edKey] }),
      1,
      'UNSUPPORTED 14',
      'ROOT_MISMATCH 16',
    ),
    mac(
      'unsupported-and-missing',
      'a gap lacks a member, and has a reason of a later version',
      unknownAndMissing(),
      2,
      'UNSUPPORTED 14',
    ),
    heldAboveAdopted(),
    successorSigns(),
    withoutOpen(),
    mac(
      'text-half-character',
      'a text record whose line holds half a surrogate pair',
      halfCharacter(),
      1,
      'CONTROL_MALFORMED 14',
    ),
    mac('year-zero', 'a seal in a year before the first', yearZero(), 1, 'CONTROL_MALFORMED 14'),
  ];
}
