import { EMPTY_ROOT } from '../../../src/core/tree.ts';
import { formatCheckpointText, formatNote, formatSignatureLine } from '../../../src/format/checkpoint.ts';
import { checkpointLine } from '../../support/sealed-lines.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { logSignatureLine } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey, rsaPssKey, serviceKey, thirdEdKey } from '../keys.ts';
import { bothLog, macBody, macKeys, macLog, signedBody, signedLog } from '../logs.ts';
import { cutAfter, dropCheckpoints, entry } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Checkpoint lines: forged, moved, left out. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function signed(name: string, about: string, log: SealedLog, verdict: 0 | 1 | 2, ...findings: string[]): VectorCase {
  return vector(name, about, log, brings(log, { named: [edKey] }), verdict, ...findings);
}

export function editCheckpoint(log: SealedLog, number: number, change: (line: string) => string): SealedLog {
  const line = log.lines.filter(({ kind }) => kind === 'checkpoint')[number];
  if (line === undefined) throw new Error(`no checkpoint ${number}`);
  line.bytes = Buffer.from(change(line.bytes.toString('utf8')));
  return log;
}

export function flipSignature(line: string): string {
  const at = line.length - 20;
  return `${line.slice(0, at)}${line[at] === 'A' ? 'B' : 'A'}${line.slice(at + 1)}`;
}

/** A note of any text, signed with keys of one's own choice. */
function noteOf(origin: string, size: number, signers = [edKey], root = EMPTY_ROOT): string {
  const text = formatCheckpointText({ origin, size, root });
  return formatNote(
    text,
    signers.map((key) => logSignatureLine(key, text)),
  );
}

function early(): SealedLog {
  const log = signedLog();
  const checkpoint = log.lines.filter(({ kind }) => kind === 'checkpoint')[1];
  const others = log.lines.filter((one) => one !== checkpoint);
  const at = others.findIndex(({ seq }) => seq === 6);
  log.lines = [...others.slice(0, at), ...(checkpoint ? [checkpoint] : []), ...others.slice(at)];
  return log;
}

function notASeal(): SealedLog {
  const log = signedBody();
  const root = log.tree.root();
  return log
    .raw(checkpointLine(noteOf(log.origin, log.size, [edKey], root)), 'checkpoint')
    .close()
    .checkpoint();
}

function malformed(name: string, about: string, change: (line: string) => string): VectorCase {
  return signed(name, about, editCheckpoint(signedLog(), 1, change), 1, 'NOTE_MALFORMED');
}

function held(
  name: string,
  about: string,
  log: SealedLog,
  note: string,
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase {
  const further: Further = { held: [note] };
  return vector(name, about, log, brings(log, { data: [dataKey] }, further), verdict, ...findings);
}

function rewritten(): SealedLog {
  const log = new SealedLog().open(macKeys).seal().checkpoint();
  return log.record('{"level":30,"msg":"nothing to see"}').seal().checkpoint().close().checkpoint();
}

function unknownSignature(): SealedLog {
  const log = signedLog();
  return log.checkpoint({ signers: [edKey, thirdEdKey] });
}

function serviceAway(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [serviceKey] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  const auditor = brings(log, { named: [serviceKey] }, { service_keys: {} });
  const about = 'the service that could check the checkpoints does not know the key';
  return vector(
    'key-service-signature',
    about,
    log,
    auditor,
    2,
    'KEY_SERVICE',
    'KEY_SERVICE',
    'UNSIGNED 1-4',
    'END_UNPROVEN 4',
  );
}

function noService(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [serviceKey] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  const auditor = brings(log, { named: [serviceKey] });
  const about = 'only the key service could check the checkpoints and none is configured';
  return vector('kms-hmac-offline', about, log, auditor, 2, 'UNSIGNED 1-4', 'END_UNPROVEN 4');
}

function wrongService(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [serviceKey] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  const further = { service_keys: { [serviceKey.signer.identity]: dataKey.toString('hex') } };
  const about = 'the key service says that the checkpoints are not its own';
  return vector(
    'kms-hmac-wrong',
    about,
    log,
    brings(log, { named: [serviceKey] }, further),
    1,
    'SIGNATURE_WRONG 2',
    'SIGNATURE_WRONG 4',
    'UNSIGNED 1-4',
    'END_UNPROVEN 4',
  );
}

function pssSalt(): VectorCase {
  const log = new SealedLog()
    .open({ signers: [rsaPssKey] })
    .seal()
    .checkpoint()
    .record('{"a":1}')
    .close()
    .checkpoint();
  editCheckpoint(log, 1, flipSignature);
  const about = 'the last RSA-PSS signature is changed';
  return vector(
    'signature-wrong-rsa',
    about,
    log,
    brings(log, { named: [rsaPssKey] }),
    1,
    'SIGNATURE_WRONG 4',
    'UNSIGNED 3-4',
    'END_UNPROVEN 4',
  );
}

export function checkpointCases(): VectorCase[] {
  const other = 'audit.example.com/vectors/b';
  const bothWrongMac = editCheckpoint(bothLog(), 2, flipSignature);
  const stranger = signedBody()
    .checkpoint({ size: 8, signers: [thirdEdKey] })
    .close()
    .checkpoint();
  const strangersRoot = signedLog().raw(
    checkpointLine(noteOf('audit.example.com/vectors/a', 8, [thirdEdKey])),
    'checkpoint',
  );
  const noMac = macBody()
    .seal()
    .raw(checkpointLine(noteOf('audit.example.com/vectors/a', 14, [thirdEdKey], EMPTY_ROOT)), 'checkpoint');
  const longNote = `${noteOf('audit.example.com/vectors/a', 8)}${formatSignatureLine('x', Buffer.alloc(4), Buffer.alloc(90_000))}`;
  return [
    malformed('note-malformed', 'the size of a note has a leading zero', (text) => text.replace('\\n8\\n', '\\n08\\n')),
    malformed('note-malformed-extension', 'a note with an extension line', (text) =>
      text.replace('\\n\\n', '\\nextension\\n\\n'),
    ),
    malformed('note-malformed-root', 'the root of a note is base64url', (text) =>
      text.replace(/\\n([A-Za-z0-9+/]{43})=\\n\\n/, '\\n$1\\n\\n'),
    ),
    signed(
      'note-malformed-long',
      'a note of more than 64 KiB',
      signedLog().raw(checkpointLine(longNote), 'checkpoint'),
      1,
      'NOTE_MALFORMED',
    ),
    signed(
      'valid-many-signatures',
      'a note with seventeen signature lines',
      signedLog().checkpoint({ signers: Array(17).fill(edKey) }),
      0,
    ),
    signed(
      'origin-wrong-checkpoint',
      'a checkpoint of another stream',
      signedLog().raw(checkpointLine(noteOf(other, 8)), 'checkpoint'),
      1,
      'ORIGIN_WRONG',
    ),
    signed(
      'signature-wrong',
      'a signature is changed',
      editCheckpoint(signedLog(), 1, flipSignature),
      1,
      'SIGNATURE_WRONG 8',
    ),
    pssSalt(),
    vector(
      'signature-wrong-mac',
      'our MAC of the last checkpoint is changed',
      bothWrongMac,
      brings(bothWrongMac, { data: [dataKey], named: [edKey] }),
      1,
      'SIGNATURE_WRONG 14',
      'UNSIGNED 9-14',
      'END_UNPROVEN 14',
    ),
    signed('root-mismatch-stranger', "a stranger's signature over another root", strangersRoot, 1, 'ROOT_MISMATCH 8'),
    signed('checkpoint-unsigned', 'a checkpoint that only a stranger signed', stranger, 1, 'CHECKPOINT_UNSIGNED 8'),
    vector(
      'root-mismatch-mac',
      'a checkpoint with another root in a log with a data key only',
      noMac,
      brings(noMac, { data: [dataKey] }),
      1,
      first,
      'ROOT_MISMATCH 14',
    ),
    signed('valid-unknown-signature', 'a checkpoint that a stranger signed as well', unknownSignature(), 0),
    signed('checkpoint-early', 'a checkpoint stands before its seal', early(), 1, 'CHECKPOINT_EARLY 8'),
    signed(
      'checkpoint-early-first',
      'a checkpoint stands before every entry',
      prepend(signedLog()),
      1,
      'CHECKPOINT_EARLY',
    ),
    signed(
      'checkpoint-not-a-seal',
      'a right signature over the size of a record',
      notASeal(),
      1,
      'CHECKPOINT_NOT_A_SEAL 13',
    ),
    signed(
      'newest-checkpoint-deleted',
      'the last checkpoint is deleted',
      dropCheckpoints(signedLog(), (number) => number === 2),
      2,
      'UNSIGNED 9-14',
      'END_UNPROVEN 14',
    ),
    signed(
      'all-checkpoints-deleted',
      'every checkpoint is deleted',
      dropCheckpoints(signedLog()),
      2,
      'UNSIGNED 1-14',
      'END_UNPROVEN 14',
    ),
    vector(
      'end-unproven-checkpoint',
      'the checkpoint of the close is deleted',
      dropCheckpoints(macLog(), (number) => number === 2),
      brings(macLog(), { data: [dataKey] }),
      2,
      first,
      'END_UNPROVEN 14',
    ),
    held(
      'known-contradicted',
      'the log was written anew; an older checkpoint is held',
      rewritten(),
      macLog().note({ size: 8 }),
      1,
      'KNOWN_CONTRADICTED 5',
      first,
    ),
    held(
      'known-contradicted-root',
      'a held checkpoint has another root',
      rewritten(),
      new SealedLog().open(macKeys).seal().record('{"a":1}').seal().note({ size: 4 }),
      1,
      'KNOWN_CONTRADICTED 4',
      first,
    ),
    held(
      'known-contradicted-cut',
      'the log ends below a held checkpoint',
      cutAfter(macLog(), 8, false),
      macLog().note({ size: 14 }),
      1,
      'KNOWN_CONTRADICTED 8',
      'END_UNPROVEN 8',
      first,
    ),
    held('known-consistent', 'a held checkpoint agrees', macLog(), macLog().note({ size: 8 }), 0),
    serviceAway(),
    noService(),
    wrongService(),
    vector(
      'valid-checkpoint-of-other-key',
      'a checkpoint that only another key of the auditor signed; the one of its own key stands too',
      withSigner(),
      brings(signedLog(), { named: [edKey, nextEdKey] }),
      0,
    ),
  ];
}

function withSigner(): SealedLog {
  const log = signedBody();
  entry(log, 8);
  return log
    .checkpoint({ size: 8, signers: [nextEdKey] })
    .close()
    .checkpoint();
}

function prepend(log: SealedLog): SealedLog {
  const checkpoint = log.lines.find(({ kind }) => kind === 'checkpoint');
  if (checkpoint !== undefined) log.lines.unshift({ ...checkpoint });
  return log;
}
