import type { UndecidedCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings that make a verdict `undecided` mean (spec 8). */

export const UNDECIDED_FINDINGS: Readonly<Record<UndecidedCode, Explanation>> = {
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
};
