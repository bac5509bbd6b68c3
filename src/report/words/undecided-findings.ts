import type { UndecidedCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings that make a verdict `undecided` mean (spec 8). */

export const UNDECIDED_FINDINGS: Readonly<Record<UndecidedCode, Explanation>> = {
  FILES_MISSING: {
    title: 'a part of the log is not here',
    means:
      'The entries go on at a higher number in the next file, or a checkpoint or a manifest tells of entries that are in none. A file was not given, or the end of one was cut off; there is no way to tell which.',
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
      'It was not closed, or no checkpoint of its close is one that you can check, or it ends before the time that you asked for: its newest entries may have been cut off. A log that is still written looks the same.',
    next: 'If a key is missing, begin with that. If the writer still runs, verify with --live. If it was killed, start it once more: it seals what is there. Otherwise ask for the rest.',
  },
  NOT_SEALED: {
    title: 'there is no sealed line',
    means: 'It holds no sealed line. Nothing can be said of it.',
    next: 'Check that it is the right file, and that the application writes through the sealer.',
  },
  UNSIGNED: {
    title: 'entries are not covered by a signature that you demand',
    means:
      'You named a signing key, or the log itself did, and no checkpoint of that key covers these entries. The key service may have been away, or somebody went on without the key.',
    next: 'Ask whether the signature came later, in a newer copy. If the log was never signed, name no signing key for it.',
  },
  UNWITNESSED: {
    title: 'too few witnesses have cosigned the end',
    means:
      'The log is signed, but fewer of the witnesses that you named have cosigned its end than you demand. A witness may have been away; or the writer has shown you a log that it did not show to them.',
    next: 'Ask for a copy with later cosignatures, or ask the witnesses for the newest checkpoint that they have of this log.',
  },
  NO_KEY: {
    title: 'you gave no key that can check the entries',
    means: 'None of the keys that you gave is one of this part, so it was read and not checked.',
    next: 'Ask the owner of the key for the public key, or for the right to have the data key unwrapped; the message says which.',
  },
  WRONG_KEY: {
    title: 'the key that you gave is another one',
    means: 'The log was sealed with a key that has another fingerprint. This says nothing against the log.',
    next: 'Compare the fingerprint with the owner of the key by telephone, and ask for the right key.',
  },
  KEY_NOT_NAMED: {
    title: 'the log was handed over to a key that you have not named',
    means:
      'A key that you trust passed the log on to a new one, as in every rotation. Whether you trust the new one is for you to say.',
    next: 'Ask the owner whether the new key is theirs. If so, add the line that the message gives to your keys and verify again.',
  },
  UNVOUCHED: {
    title: 'nothing that you trust shows that a key period belongs to this log',
    means: 'You have its key, yet no checkpoint, hand-over or named key connects it with what was before.',
    next: 'Give a checkpoint that you have kept, or name the key for this stream in your policy.',
  },
  ADOPTED: {
    title: 'a restart took over entries that no signature you can check had covered',
    means:
      'Before this restart there is no checkpoint of these entries that you can check: the writer crashed before it signed one, or it was removed. The signature behind the restart covers data that was on disk while the writer was down, and the writer cannot vouch for it.',
    next: 'Compare these entries with another copy. If they are the same, or a loss is acceptable, allow it in the policy (accept: adopted).',
  },
  ABANDONED_UNPROVEN: {
    title: 'a shipped copy holds lines that its host has lost, and nothing shows who wrote them',
    means: 'The host crashed and went on from an earlier place. The lines between have no code that you could check.',
    next: 'Leave them out of account, or check them with the data key.',
  },
  CADENCE: {
    title: 'the writer paused longer, or sealed less often, than it may',
    means:
      'Between two seals there are more entries, or more time, than the log promises, or before a restart more time than your policy allows. In that time a change would have gone unnoticed.',
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
    title: 'a program has changed line endings, or put a mark before the first line',
    means:
      'Some tool has changed LF to CR LF, as file transfers in text mode do, or put a byte order mark before the first line. The entries were checked without them.',
    next: 'Ask for the file once more, in binary mode.',
  },
  ENCODING_CONVERTED: {
    title: 'a program has written the file in another encoding',
    means:
      'The log is UTF-8. Some program read it as something else, or wrote it so, as PowerShell and iconv do: characters beyond ASCII are others now. Each checkpoint has one, so none of this file can be checked.',
    next: 'Ask for the file once more, copied byte by byte.',
  },
  RESERIALIZED: {
    title: 'a tool has rewritten the lines',
    means: 'Every line was parsed and written again. The content may be the same, but the sealed bytes are gone.',
    next: 'Verify the original file. Look for a log shipper that parses JSON.',
  },
  GZIP_TRAILING: {
    title: 'a compressed file has something behind its end',
    means: 'There are bytes after the compressed data that are none of it.',
    next: 'Ask for the file once more.',
  },
  UNREADABLE: {
    title: 'a file cannot be read',
    means: 'It is not there, damaged, cut, or you may not read it. What it holds, or may hold, was not checked.',
    next: 'Check its name. Ask for the file once more, or for the right to read it.',
  },
  LIMIT: {
    title: 'the log demands more than a verifier does',
    means: 'A bound that no honest log comes near was exceeded, so the rest was not decided.',
    next: 'The message says which bound. Look at that place with inspect.',
  },
  KEY_SERVICE: {
    title: 'a key could not be had from its service',
    means: 'A key that is needed could not be had. This says nothing about the log.',
    next: 'Try again, and check your permissions with doctor.',
  },
};
