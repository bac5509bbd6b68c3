import type { AuditCode, StreamOutcome } from '../../fleet/check/stream-result.ts';
import type { FindingCode } from '../../verify/model/findings.ts';
import type { Explanation } from '../words/explanation.ts';
import { FINDING_WORDS } from '../words/finding-words.ts';

/** What became of a stream, in words. */
export const OUTCOME_WORDS: Readonly<Record<StreamOutcome, string>> = {
  new: 'was not here before',
  grown: 'has new entries',
  unchanged: 'has the same files as at the last audit',
  rewritten: 'has the same entries in other files: renamed, compressed or copied',
  removed: 'files that were checked are gone',
  stopped: 'nothing new has come for too long',
  vanished: 'was here before, and none of its files is now',
  rolled_back: 'no longer reaches what was seen of it before',
  forked: 'two files, or a file and what was seen before, contradict each other',
  replaced: 'changes faster than it can be read',
  missing: 'is named by the auditor, and is not here; of places: holds no log',
  unclaimed: 'files that belong to no stream that was named',
  failed: 'could not be audited',
};

const AUDIT_WORDS: Readonly<Record<AuditCode, Explanation>> = {
  STOPPED: {
    title: 'the stream has stopped',
    means:
      'Its newest proven seal is older than the auditor allows. What is here is as it was sealed; but a writer that was stopped, or whose files no longer arrive, looks the same as one that has nothing to say.',
    next: 'Look at the writer and at what ships its files. If it was retired on purpose, take it out of the policy.',
  },
  REPLACED: {
    title: 'the stream changes faster than it can be read',
    means: 'Each time when its files were looked at again they were others, so nothing can be said of them.',
    next: 'Audit finished files, in a folder of their own, or at a quieter time.',
  },
  EXPIRED: {
    title: 'the whole stream is gone, as its retention allows',
    means:
      'None of its files is here any more, and its last entry is older than the retention that the auditor named. Nothing can be checked of it now; it was in order when it was checked last.',
    next: 'Confirm that the stream was retired. Then remove what is remembered of it, or keep being told.',
  },
};

/** A finding of an audit in words. */
export function auditFindingWords(code: FindingCode | AuditCode): Explanation {
  return code === 'STOPPED' || code === 'REPLACED' || code === 'EXPIRED' ? AUDIT_WORDS[code] : FINDING_WORDS[code];
}
