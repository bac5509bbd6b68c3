import type { TamperedCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings that make a verdict `tampered` mean (spec 8). */

const KEEP = 'Keep the files as they are, and a copy elsewhere. Ask who could write to them in that time.';
const COMPARE = `${KEEP} Compare with another copy of the log: one that was shipped, a backup, an anchor.`;

export const TAMPERED_FINDINGS: Readonly<Record<TamperedCode, Explanation>> = {
  FOREIGN_LINE: {
    title: 'a line that was never sealed in this form stands among sealed ones',
    means:
      'The writer did not write this line in this place: somebody or something inserted it later, or replaced a sealed line by it.',
    next: `Look whether the numbers of the entries around it go on without a hole; if so, the line was added and the sealed ones are still there. ${KEEP}`,
  },
  FOREIGN_TAG: {
    title: 'an entry of another log stands in this one',
    means: 'The line was sealed, but for another stream. It was copied here, or two logs were mixed in one file.',
    next: 'If a pipe mixes several logs in one file on purpose, verify again with --demux. Otherwise ask who joined the files.',
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
      'An entry comes after one with a higher number, or a second, different entry has a number that has passed. The writer never does this.',
    next: `Look whether a tool has sorted or merged the file. ${COMPARE}`,
  },
  DUPLICATE_ENTRY: {
    title: 'entries stand in the log twice',
    means: 'The same sealed bytes appear again. Nothing is lost, but the file is not what the writer wrote.',
    next: 'Look whether a tool that ships or joins files has delivered lines twice, and verify the original file.',
  },
  FORK: {
    title: 'two files begin with the same entry, and differ',
    means:
      'One of the two is not the log, the writer was made to write twice, or one was shipped from a host that lost its end in a crash.',
    next: `Find out where each of the two comes from, and verify each of them alone. ${KEEP}`,
  },
  AUTH_WRONG: {
    title: 'an entry was changed after it was sealed',
    means: 'The code that protects the entry does not fit its bytes. Whoever changed it did not have the key.',
    next: COMPARE,
  },
  CHECKSUM_WRONG: {
    title: 'an entry was changed after it was written',
    means:
      'The entry does not fit its own checksum. Whoever changed it did not even recompute that: an accident of storage looks the same.',
    next: `Look for damage of the disk or of the transfer. ${COMPARE}`,
  },
  CONTROL_MALFORMED: {
    title: 'an entry of the log itself is not in its proper form',
    means: 'The writer has one spelling for its own entries. This one differs, so it was not written by it.',
    next: COMPARE,
  },
  KEY_ID_WRONG: {
    title: 'an entry names a key period that was not in force',
    means:
      'Each entry says under which key it was sealed. This one names another than the one of its place: it was moved or rewritten.',
    next: COMPARE,
  },
  MODE_WRONG: {
    title: 'an entry is protected in another way than its key period demands',
    means:
      'Entries with a secret code and entries with a plain checksum do not mix in one key period. Somebody rewrote it.',
    next: COMPARE,
  },
  MODE_CHANGE: {
    title: 'a restart gave up protection that the log had before',
    means:
      'After a restart the log has no secret codes, or no signer, any more, without the hand-over that such a change needs. A writer refuses to do that.',
    next: 'Ask whether somebody changed the configuration of the writer by force. If nobody did, the process that continued did not have all the keys.',
  },
  EPOCH_REUSED: {
    title: 'a key period has a number that was used before',
    means:
      'Numbers of key periods only grow. A number that comes again means that parts of different histories were joined.',
    next: COMPARE,
  },
  OPEN_MISSING: {
    title: 'the log begins, or goes on, without its opening entry',
    means:
      'Every log and every file begins with an opening entry, and one follows every close. Here it is missing, so lines were removed or added.',
    next: COMPARE,
  },
  OPEN_CONTRADICTS: {
    title: 'an opening entry does not fit its place in the log',
    means:
      'An opening entry repeats in short what was there before. That does not match: what stands before it was changed, or it belongs to another history.',
    next: COMPARE,
  },
  SEAL_MISSING: {
    title: 'a required seal is missing',
    means: 'A start and a hand-over are sealed at once. Here something else follows, so lines were removed or added.',
    next: COMPARE,
  },
  STEP_WRONG: {
    title: 'an entry counts the seals of its key period wrongly',
    means: 'Seals are counted within a key period. This one says another number: a seal was removed, added or moved.',
    next: COMPARE,
  },
  COUNT_WRONG: {
    title: 'a seal does not count rightly what stands before it',
    means: 'A seal says how many records it closes off. Here are more or fewer: some were removed or added.',
    next: COMPARE,
  },
  ORIGIN_WRONG: {
    title: 'a part of the log says that it belongs to another one',
    means: 'An opening entry or a checkpoint bears the name of another stream. It was copied here.',
    next: 'Check the name of the stream that you gave. If it is right, ask where the file comes from.',
  },
  NOTE_MALFORMED: {
    title: 'a checkpoint is not in its proper form',
    means: 'The line claims to be a checkpoint and is none. The entries may be untouched; the line was altered.',
    next: 'Look at what else is found. If nothing is, the entries are covered by other checkpoints.',
  },
  SIGNATURE_WRONG: {
    title: 'the signature under a checkpoint is wrong',
    means:
      'It bears the mark of a known key and was not made by it: the checkpoint or its signature was altered or invented.',
    next: `Check that the public key that you used is the right one: compare its fingerprint by telephone. ${COMPARE}`,
  },
  ROOT_MISMATCH: {
    title: 'entries were changed, removed or added before a checkpoint',
    means:
      'A checkpoint fixes all entries up to its place in one number. The entries here give another one, so at least one of those in the range is not what it was.',
    next: `The range that is named is as narrow as the checkpoints allow. ${COMPARE}`,
  },
  CHECKPOINT_UNSIGNED: {
    title: 'a checkpoint bears no valid signature',
    means: 'It should be signed by a key of its period, and is not, although you have the keys to check it.',
    next: COMPARE,
  },
  CHECKPOINT_EARLY: {
    title: 'a checkpoint stands before entries that it covers',
    means: 'A checkpoint can be made only after the entries that it is about. It was moved, or the entries were.',
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
    means: 'The entries were sealed with your key, yet the log names another one: that name was changed later.',
    next: COMPARE,
  },
  ADOPTED_UNMARKED: {
    title: 'a restart does not own up to what it took over unsigned',
    means: 'After a crash the writer says which entries no signature covered yet. Here that is missing or wrong.',
    next: COMPARE,
  },
  KNOWN_CONTRADICTED: {
    title: 'the log contradicts a checkpoint that you hold',
    means:
      'You have a checkpoint from before. The log now has other entries there, is shorter, or is gone: it was rewritten, cut, or not all of it was given to you.',
    next: `Ask for all files of the log first. If you have them, the log was rewritten. ${KEEP}`,
  },
  LINK_CONTRADICTED: {
    title: 'the log that continues this one remembers it otherwise',
    means: 'The next log says how this one ended, and that does not match: its end was cut off or rewritten.',
    next: COMPARE,
  },
  MANIFEST_WRONG: {
    title: 'a manifest is missing, or does not describe its file',
    means:
      'A manifest says what its file holds. A member of it is wrong or missing, or the policy demands a manifest and there is none.',
    next: 'The manifest itself proves nothing: if nothing else is found, the file is right and the manifest is not. Ask who replaced it.',
  },
  RECORDS_FLOOR: {
    title: 'a key period is weaker than your policy allows',
    means: 'Your policy demands a secret code for each entry. This part of the log has plain checksums.',
    next: 'Ask who changed the configuration of the writer, or whether the policy asks for more than was agreed.',
  },
};
