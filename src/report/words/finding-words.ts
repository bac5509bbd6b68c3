import type { FindingCode } from '../../verify/model/findings.ts';

/** A finding in words for people who have never seen the format. */
export interface Explanation {
  /** A clause without a stop, which may stand after a colon. */
  readonly title: string;
  /** What it says about the log, and what it does not. */
  readonly means: string;
  /** What to do next. */
  readonly next: string;
}

const KEEP = 'Keep the files as they are, and a copy elsewhere. Ask who could write to them in that time.';
const COMPARE = `${KEEP} Compare with another copy of the log: one that was shipped, a backup, an anchor.`;

/** What each finding means (spec 8): first those that make a verdict `tampered`, then `undecided`, then the warnings. */
export const FINDING_WORDS: Readonly<Record<FindingCode, Explanation>> = {
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

  FILES_MISSING: {
    title: 'a part of the log is not here',
    means:
      'The next file continues at a higher number than expected, or a checkpoint or a manifest covers entries that are in no file. A file was not given, or the end of one was cut off; there is no way to tell which.',
    next: 'Ask for the missing file. What is here was checked by itself.',
  },
  START_UNPROVEN: {
    title: 'what came before the first entry is not here, or not proven',
    means: 'The log does not begin with its first entry, and you hold no checkpoint from before.',
    next: 'Ask for the earlier files, or give a checkpoint that you have kept (--since, --known, pins of the policy).',
  },
  END_UNPROVEN: {
    title: 'nothing proves where the log ends',
    means:
      'The log was not closed, or you can check no checkpoint of its close, or it ends before the time that you asked for. Its newest entries may have been cut off; a log that is still being written looks the same.',
    next: 'If a key is missing, begin with that. If the writer still runs, verify with --live. If it was killed, start it once more: it seals what is there. Otherwise ask for the rest.',
  },
  NOT_SEALED: {
    title: 'there is no sealed line',
    means: 'It contains no sealed line, so there is nothing to check.',
    next: 'Check that it is the right file, and that the application writes through the sealer.',
  },
  UNSIGNED: {
    title: 'entries are not covered by a signature that you demand',
    means:
      'You named a signing key, or the log itself did, and no checkpoint of that key covers these entries. The key service may have been unreachable, or somebody continued without the key.',
    next: 'Ask whether the signature came later, in a newer copy. If the log was never signed, name no signing key for it.',
  },
  UNWITNESSED: {
    title: 'too few witnesses have cosigned the end',
    means:
      'The log is signed, but fewer of the witnesses that you named have cosigned its end than you demand. A witness may have been unreachable, or the writer has shown you a log that it did not show to the witnesses.',
    next: 'Ask for a copy with later cosignatures, or ask the witnesses for the newest checkpoint that they have of this log.',
  },
  NO_KEY: {
    title: 'you gave no key that can check the entries',
    means: 'None of the keys that you gave belongs to this part, so it was read but not checked.',
    next: 'Ask the owner of the key for the public key, or for the right to have the data key unwrapped; the message says which.',
  },
  WRONG_KEY: {
    title: 'the key that you gave is another one',
    means: 'The log was sealed with a key that has a different fingerprint. This does not count against the log.',
    next: 'Compare the fingerprint with the owner of the key by telephone, and ask for the right key.',
  },
  KEY_NOT_NAMED: {
    title: 'a part of the log is signed by a key that you have not named',
    means:
      'A key that you trust vouches for this one, as in every rotation: it handed the log over to it, or signed the log later. You decide whether to trust it.',
    next: 'Ask the owner whether the new key is theirs. If so, add the line that the message gives to your keys and verify again.',
  },
  UNVOUCHED: {
    title: 'nothing that you trust shows that a key period belongs to this log',
    means: 'You have its key, but no checkpoint, hand-over or named key connects it with what came before.',
    next: 'Give a checkpoint that you have kept, or name the key for this stream in your policy.',
  },
  ADOPTED: {
    title: 'a restart took over entries that no signature you can check had covered',
    means:
      'Before this restart there is no checkpoint of these entries that you can check: the writer crashed before it signed one, or the checkpoint was removed. The signature after the restart covers data that was on disk while the writer was down, and the writer cannot vouch for it.',
    next: 'Compare these entries with another copy. If they are the same, or a loss is acceptable, allow it in the policy (accept: adopted).',
  },
  ABANDONED_UNPROVEN: {
    title: 'a shipped copy contains lines that its host has lost, and nothing shows who wrote them',
    means:
      'The host crashed and continued from an earlier place. The lines in between have no code that you can check.',
    next: 'Ignore them, or check them with the data key.',
  },
  ERASED_UNPROVEN: {
    title: 'a record was erased, and nothing shows by whom',
    means:
      'The line says that the record which stood here was erased. Its place in the log and the commitment to what it said are unchanged, so nothing was put in its place. Anybody with access to the file could have erased it.',
    next: 'Ask the owner of the log who erased it, when and why, and look for another copy.',
  },
  NOT_ERASED: {
    title: 'a record that was erased is still here',
    means:
      'An erasure log records that this record was erased, or it is erased in another copy of the file, but its content is here: the erasure was not finished, or an older copy of the file was put back or lies beside it.',
    next: 'Run "fapilog-tamper erase" again, which finishes what is on record, and remove copies from before the erasure.',
  },
  ERASURE_DIFFERS: {
    title: 'an erasure log records something else than what stands here',
    means:
      'It names this stream and this place, but another record. These files are older than the erasure log, another log had the same name, or this one was cut off or begun anew.',
    next: 'Compare with another copy of the log, and ask whether the log was ever begun anew.',
  },
  ERASURE_MALFORMED: {
    title: 'an erasure log holds something else than erasures',
    means: 'A line of it is not in the form that the product writes, so it records nothing.',
    next: 'Ask who writes to the erasure log. Only "fapilog-tamper erase" should.',
  },
  TIMESTAMP_EARLY: {
    title: 'a time stamp is older than the seal that it is about',
    means:
      'The time-stamp authority says that these entries existed before the time at which, by the clock of the writer, they were sealed. The clock or the key of the authority cannot be relied on, or the times in the log cannot, and nothing here shows which. The time stamp dates nothing.',
    next: 'Ask the authority about its clock and the owner about the clock of the host, and bring a time stamp of another authority.',
  },
  CADENCE: {
    title: 'the writer paused longer, or sealed less often, than allowed',
    means:
      'There are more entries or more time between two seals than the log promises, or there is more time before a restart than your policy allows. A change in that time would have gone unnoticed.',
    next: 'Ask what the host did at that time: suspended, overloaded, or its clock changed.',
  },
  UNSUPPORTED: {
    title: 'the log uses something that this version does not know',
    means: 'A newer version of the software wrote it. What depends on it was not checked.',
    next: 'Verify with a newer version.',
  },
  TORN_TAIL: {
    title: 'a line is cut short',
    means: 'A crash, a full disk or an interrupted copy ended in the middle of a line. What that line said is lost.',
    next: 'If the file was copied, copy it again. Otherwise ask about a crash at that time.',
  },
  LINE_ENDINGS_CONVERTED: {
    title: 'a program changed the line endings, or put a byte order mark before the first line',
    means:
      'A tool changed LF to CR LF, as file transfers in text mode do, or put a byte order mark before the first line. The entries were checked without those bytes.',
    next: 'Ask for the file once more, in binary mode.',
  },
  ENCODING_CONVERTED: {
    title: 'a program wrote the file in another encoding',
    means:
      'The log is UTF-8. A program such as PowerShell or iconv read or wrote it in another encoding, which changed every character beyond ASCII. Each checkpoint contains one, so no checkpoint of this file can be checked.',
    next: 'Ask for the file once more, copied byte by byte.',
  },
  RESERIALIZED: {
    title: 'a tool has rewritten the lines',
    means: 'Every line was parsed and written again. The content may be the same, but the sealed bytes are gone.',
    next: 'Verify the original file. Look for a log shipper that parses JSON.',
  },
  GZIP_TRAILING: {
    title: 'a compressed file has something behind its end',
    means: 'There are bytes after the end of the compressed data.',
    next: 'Ask for the file once more.',
  },
  UNREADABLE: {
    title: 'a file cannot be read',
    means: 'It is missing, damaged or cut, or you are not allowed to read it. Whatever it contains was not checked.',
    next: 'Check its name. Ask for the file once more, or for the right to read it.',
  },
  LIMIT: {
    title: 'the log exceeds a limit of the verifier',
    means: 'The log exceeds a limit that no honest log comes near, so the rest was not decided.',
    next: 'The message says which limit. Look at that place with inspect.',
  },
  KEY_SERVICE: {
    title: 'the key service did not provide a key',
    means: 'The key service failed or refused, so a key is missing. This says nothing about the log.',
    next: 'Try again, and check your permissions with doctor.',
  },

  FIRST_RUN_TRUSTS_KEY: {
    title: 'the log is trusted because you named its data key',
    means:
      'Nothing but that key vouches for the beginning of the log. Anyone who holds the key could have written all of it.',
    next: 'Keep the checkpoint of this report, so that the next verification does not depend on the key alone.',
  },
  START_HELD: {
    title: 'the log begins in the middle, and a checkpoint that you hold proves it',
    means: 'Earlier files are not here. The checkpoint shows that what is here is the log that you know.',
    next: 'Nothing, if the earlier files were archived or deleted on purpose.',
  },
  RESTART: {
    title: 'the writer was started again',
    means: 'Restarts are normal. Each is reported, because a log that was cut and continued looks like one.',
    next: 'Compare the times with known deployments and failures. Ask about a restart that nobody knows of.',
  },
  RESTART_TRUSTS_KEY: {
    title: 'a restart is trusted because you named its data key',
    means: 'Nothing but that key connects the run with the one before. Anyone who holds the key could have written it.',
    next: 'Keep checkpoints (--known) or name a signing key, if that is not enough for you.',
  },
  DROPPED: {
    title: 'the writer says that it lost lines',
    means: 'The writer could not seal these lines of the application, and recorded how many.',
    next: 'Ask about that time: a full disk, an overload. Your policy can set a limit.',
  },
  ABANDONED: {
    title: 'a shipped copy contains lines that its host has lost',
    means:
      'The host crashed and continued from an earlier place. The lines in between are genuine, but are not part of the log.',
    next: 'Nothing, if a crash at that time is known.',
  },
  CLOCK_BACK: {
    title: 'the clock of the writer went back',
    means: 'The order of entries does not depend on it, but their times do.',
    next: 'Ask about the time service of the host.',
  },
  EMPTY_FILE: {
    title: 'a file is empty',
    means: 'A crash or a rotation can leave an empty file.',
    next: 'Nothing, unless the report also says that entries are missing.',
  },
  EARLIER_COPY: {
    title: 'a file is an earlier copy of another one',
    means:
      'Another file begins with all of its bytes, as a log does after a backup of it was made. The longer file was read.',
    next: 'Nothing.',
  },
  LONG_LINE: {
    title: 'a line of the log itself is longer than some carriers pass on',
    means: 'The line is valid, but a carrier may cut it.',
    next: 'Use fewer signers, or a carrier without such a limit.',
  },
  UNSEALED_TAIL: {
    title: 'the newest entries are not sealed yet',
    means: 'The log is still being written. These entries come after its proven end.',
    next: 'Verify them next time.',
  },
  ERASED: {
    title: 'records were erased, and an erasure log says by whom and why',
    means:
      'What these records said is gone. Their places in the log are unchanged, and who erased them put the erasure on record in a log with keys of its own.',
    next: 'Nothing, unless you do not expect these erasures. To limit them, say so in the policy (accept: erased).',
  },
};
