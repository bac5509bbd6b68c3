import type { TamperedCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings that make a verdict `tampered` mean (spec 8). */

const KEEP = 'Keep the files as they are, and a copy elsewhere. Ask who could write to them in that time.';
const COMPARE = `${KEEP} Compare with another copy of the log: one that was shipped, a backup, an anchor.`;

export const TAMPERED_FINDINGS: Readonly<Record<TamperedCode, Explanation>> = {
  FOREIGN_LINE: {
    title: 'a line that was never sealed in this form is among sealed ones',
    means:
      'The writer did not write this line in this place. Somebody or something inserted it later, or replaced a sealed line with it.',
    next: `Check whether the entries around it are numbered without a hole. If so, the line was added and the sealed ones are still there. ${KEEP}`,
  },
  FOREIGN_TAG: {
    title: 'an entry of another log is in this one',
    means: 'The line was sealed, but for another stream. It was copied here, or two logs were mixed in one file.',
    next: 'If a pipe deliberately mixes several logs in one file, verify again with --demux. Otherwise ask who joined the files.',
  },
  ENTRIES_MISSING: {
    title: 'entries were removed',
    means:
      'Sealed entries are numbered without holes. These numbers are missing from the middle of a file, so the lines were taken out.',
    next: `Their contents can only be recovered from another copy of the log. ${COMPARE}`,
  },
  OUT_OF_ORDER: {
    title: 'entries are not in the order in which they were sealed',
    means:
      'An entry comes after one with a higher number, or two different entries have the same number. The writer never does this.',
    next: `Check whether a tool has sorted or merged the file. ${COMPARE}`,
  },
  DUPLICATE_ENTRY: {
    title: 'entries are in the log twice',
    means: 'The same sealed bytes appear again. Nothing is lost, but the file is not what the writer wrote.',
    next: 'Check whether a tool that ships or joins files has delivered lines twice, and verify the original file.',
  },
  FORK: {
    title: 'two files begin with the same entry, and differ',
    means:
      'One of the two is not the log, the writer was made to write twice, or one was shipped from a host that lost its end in a crash.',
    next: `Find out where each of the two comes from, and verify each of them alone. ${KEEP}`,
  },
  AUTH_WRONG: {
    title: 'an entry was changed after it was sealed',
    means: 'The code that protects the entry does not match its bytes. The change was made without the key.',
    next: COMPARE,
  },
  CHECKSUM_WRONG: {
    title: 'an entry was changed after it was written',
    means:
      'The entry does not match its own checksum. The change was made without recomputing the checksum; a storage error looks the same.',
    next: `Check the disk and the file transfer for damage. ${COMPARE}`,
  },
  CONTROL_MALFORMED: {
    title: 'an entry of the log itself is not in its proper form',
    means: 'The writer spells its own entries in exactly one way. This entry differs, so the writer did not write it.',
    next: COMPARE,
  },
  KEY_ID_WRONG: {
    title: 'an entry names a key period that was not in force',
    means:
      'Each entry names the key that sealed it. This one names a key that was not in force at its place: it was moved or rewritten.',
    next: COMPARE,
  },
  MODE_WRONG: {
    title: 'an entry is not protected in the way that its key period demands',
    means:
      'Within one key period, all entries have a secret code or all have a plain checksum. This one differs: somebody rewrote it.',
    next: COMPARE,
  },
  MODE_CHANGE: {
    title: 'a restart gave up protection that the log had before',
    means:
      'After a restart the log no longer has secret codes, or no longer has a signer, and lacks the hand-over that such a change needs. A writer refuses to do that.',
    next: 'Ask whether somebody forced a change of the configuration. If nobody did, the process that continued the log did not have all the keys.',
  },
  EPOCH_REUSED: {
    title: 'a key period has a number that was used before',
    means:
      'The numbers of key periods only grow. A repeated number means that parts of different histories were joined.',
    next: COMPARE,
  },
  OPEN_MISSING: {
    title: 'the log begins or continues without its opening entry',
    means:
      'A log begins with an opening entry, and one follows every close. Here it is missing, so lines were removed or added.',
    next: COMPARE,
  },
  OPEN_CONTRADICTS: {
    title: 'an opening entry does not match what comes before it',
    means:
      'An opening entry summarizes what came before it. The two do not match: either what comes before it was changed, or the entry belongs to another history.',
    next: COMPARE,
  },
  SEAL_MISSING: {
    title: 'a required seal is missing',
    means: 'A start and a hand-over are sealed at once. Here something else follows, so lines were removed or added.',
    next: COMPARE,
  },
  STEP_WRONG: {
    title: 'an entry has the wrong count of the seals in its key period',
    means:
      'Seals are counted within a key period. This entry has a different count: a seal was removed, added or moved.',
    next: COMPARE,
  },
  COUNT_WRONG: {
    title: 'a seal has the wrong count of the records before it',
    means: 'A seal says how many records it covers. There are more or fewer here: some were removed or added.',
    next: COMPARE,
  },
  ORIGIN_WRONG: {
    title: 'a part of the log says that it belongs to another one',
    means: 'An opening entry or a checkpoint has the name of another stream. It was copied here.',
    next: 'Check the name of the stream that you gave. If it is right, ask where the file comes from.',
  },
  NOTE_MALFORMED: {
    title: 'a checkpoint is not in its proper form',
    means: 'The line claims to be a checkpoint but is not one: it was altered. The entries may be untouched.',
    next: 'Look at what else is found. If nothing is, the entries are covered by other checkpoints.',
  },
  SIGNATURE_WRONG: {
    title: 'the signature under a checkpoint is wrong',
    means:
      'It claims to come from a known key, but that key did not make it: the checkpoint or its signature was altered or invented.',
    next: `Check that the public key that you used is the right one: compare its fingerprint by telephone. ${COMPARE}`,
  },
  ROOT_MISMATCH: {
    title: 'entries were changed, removed or added before a checkpoint',
    means:
      'A checkpoint contains one hash over all entries before it. The entries here have a different hash, so at least one entry in the range was changed, removed or added.',
    next: `The report names the narrowest range that the checkpoints allow. ${COMPARE}`,
  },
  CHECKPOINT_UNSIGNED: {
    title: 'a checkpoint has no valid signature',
    means: 'A key of its period should have signed it. None did, although you have the keys to check that.',
    next: COMPARE,
  },
  CHECKPOINT_EARLY: {
    title: 'a checkpoint comes before entries that it covers',
    means: 'A checkpoint can be made only after the entries that it covers. The checkpoint or the entries were moved.',
    next: COMPARE,
  },
  CHECKPOINT_NOT_A_SEAL: {
    title: 'a checkpoint is about a place where there is no seal',
    means:
      'Checkpoints are made at seals only. The one here was made by somebody else, or the entries before it were moved.',
    next: COMPARE,
  },
  FINGERPRINT_ALTERED: {
    title: 'the reference to the key was altered',
    means: 'The entries were sealed with your key, but the log names another key. That name was changed later.',
    next: COMPARE,
  },
  ADOPTED_UNMARKED: {
    title: 'a restart does not say which unsigned entries it took over',
    means: 'After a crash the writer says which entries no signature covered yet. Here that is missing or wrong.',
    next: COMPARE,
  },
  KNOWN_CONTRADICTED: {
    title: 'the log contradicts a checkpoint that you hold',
    means:
      'You hold an earlier checkpoint. The log now has different entries there, is shorter, or is gone: it was rewritten or cut, or you were not given all of it.',
    next: `Ask for all files of the log first. If you have them, the log was rewritten. ${KEEP}`,
  },
  LINK_CONTRADICTED: {
    title: 'the log that continues this one recorded a different end',
    means: 'The next log says how this one ended, and that does not match: its end was cut off or rewritten.',
    next: COMPARE,
  },
  MANIFEST_WRONG: {
    title: 'a manifest is missing, or does not describe its file',
    means:
      'A manifest says what its file contains. Part of it is wrong or missing, or the policy demands a manifest and there is none.',
    next: 'The manifest itself proves nothing: if nothing else is found, the file is right and the manifest is not. Ask who replaced it.',
  },
  RECORDS_FLOOR: {
    title: 'a key period is weaker than your policy allows',
    means: 'Your policy demands a secret code for each entry. This part of the log has plain checksums.',
    next: 'Ask who changed the configuration of the writer, or whether the policy asks for more than was agreed.',
  },
  ERASED_UNRECORDED: {
    title: 'a record was erased, and no erasure log says so',
    means:
      'The line says that the record which stood here was erased. Your policy names erasure logs, all of them were verified, and none records this erasure. Either somebody erased it without the right to, or the erasure log that you have is older than this file.',
    next: 'Fetch the newest erasure log and verify again. If it still does not record the erasure, look for another copy of the file.',
  },
  ERASURES_ERASED: {
    title: 'something was erased from an erasure log',
    means: 'An erasure log says what was erased elsewhere. Nothing in it is ever erased by the product.',
    next: COMPARE,
  },
};
