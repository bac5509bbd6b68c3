import type { WarningCode } from '../../verify/model/findings.ts';
import type { Explanation } from './explanation.ts';

/** What the findings mean that leave the verdict as it is (spec 8). */

export const WARNINGS: Readonly<Record<WarningCode, Explanation>> = {
  FIRST_RUN_TRUSTS_KEY: {
    title: 'the log is trusted because you named its data key',
    means: 'Nothing but that key vouches for its beginning. Whoever holds the key could have written all of it.',
    next: 'Keep the checkpoint of this report: the next verification then does not rest on the key alone.',
  },
  START_HELD: {
    title: 'the log begins in the middle, and a checkpoint that you hold proves it',
    means: 'Earlier files are not here. The checkpoint shows that what is here is the log that you know.',
    next: 'Nothing, if the earlier files were archived or deleted on purpose.',
  },
  RESTART: {
    title: 'the writer was started again',
    means: 'Restarts are normal. Each is reported, because a log that was cut and continued looks like one.',
    next: 'Compare the times with what you know of deployments and failures. A restart that nobody knows of is worth a question.',
  },
  RESTART_TRUSTS_KEY: {
    title: 'a restart is trusted because you named its data key',
    means: 'Nothing but that key connects the run with the one before. Whoever holds the key could have written it.',
    next: 'Keep checkpoints (--known) or name a signing key, if that is not enough for you.',
  },
  DROPPED: {
    title: 'the writer says that it lost lines',
    means: 'The log is honest about a gap: so many lines of the application could not be sealed.',
    next: 'Ask about that time: a full disk, an overload. Your policy can set a limit.',
  },
  ABANDONED: {
    title: 'a shipped copy holds lines that its host has lost',
    means:
      'The host crashed and went on from an earlier place. The lines between are genuine, and were left out of the log.',
    next: 'Nothing, if a crash at that time is known.',
  },
  CLOCK_BACK: {
    title: 'the clock of the writer went back',
    means: 'The order of entries does not depend on it, but their times do.',
    next: 'Ask about the time service of the host.',
  },
  EMPTY_FILE: {
    title: 'a file is empty',
    means: 'It is empty. A crash or a rotation can leave such a file.',
    next: 'Nothing, if the entries around it go on without a hole, as they do here unless something else is found.',
  },
  EARLIER_COPY: {
    title: 'a file is an earlier copy of another one',
    means:
      'Another file begins with all of its bytes, as the log does of which a backup was made. The longer one was read.',
    next: 'Nothing.',
  },
  LONG_LINE: {
    title: 'a line of the log itself is longer than some carriers pass on',
    means: 'It is valid. A carrier on the way may cut such a line.',
    next: 'Use fewer signers, or a carrier without such a limit.',
  },
  UNSEALED_TAIL: {
    title: 'the newest entries are not sealed yet',
    means: 'The log is still written. These entries come after the last checkpoint that proves anything.',
    next: 'Verify them next time.',
  },
};
