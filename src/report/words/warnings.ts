import type { WarningCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings mean that leave the verdict as it is (spec 8). */

export const WARNINGS: Readonly<Record<WarningCode, Explanation>> = {
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
