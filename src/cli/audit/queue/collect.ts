import { TamperError } from '../../../errors.ts';
import { collectAudit, type RunCounts } from '../../../internal.ts';
import { type Command, command } from '../../command.ts';
import { durationOf, text, under, yes } from '../../flags.ts';
import { printable } from '../../output.ts';
import { auditOutputs, checkOutputs, outputFlags } from '../outputs.ts';
import { queueFlags, redisOf, resultKey } from './queue-flags.ts';

/** `fapilog-tamper audit collect` */
export const collect: Command = command(
  {
    usage: '--run FILE --redis-url URL [--wait] [--timeout DURATION] [--format text|json]',
    examples: [
      '% --run tonight.run --redis-url rediss://queue.example.com --wait --timeout 2h',
      '% --run tonight.run --redis-url rediss://queue.example.com --html report.html',
    ],
    about: [
      'Prints the results of a run that audit enqueue started, in the form that audit uses: every stream, and a summary. A stream without a result is undecided, and the output says why: its job failed, its job is waiting, a worker is auditing it, or the queue has no job for it. To queue missing and failed jobs again, run audit enqueue with the same FILE. Collecting changes nothing, so you can repeat it. Exit codes are those of audit. Needs the packages bullmq and ioredis.',
    ],
    flags: {
      ...under('The queue', {
        run: text('FILE', 'the file that audit enqueue wrote'),
        ...queueFlags,
        wait: yes('wait until every stream has a result or can no longer get one'),
        timeout: text('DURATION', 'wait at most this long (default: no limit)'),
        'result-key': resultKey,
        progress: yes('with --wait: print progress on standard error'),
      }),
      ...outputFlags,
    },
    takesConfig: false,
  },
  async ({ flags, positionals }, io) => {
    const { run, wait, timeout, progress, 'result-key': resultKeyPath } = flags;
    if (run === undefined) throw usage('name the file of the run: --run FILE');
    if (positionals.length > 0) throw usage('audit collect takes no places: the file of the run lists the streams');
    if (!wait && timeout !== undefined) throw usage('--timeout goes with --wait');
    const timeoutMs = durationOf(timeout, '--timeout');
    await checkOutputs(flags, []);
    const outputs = auditOutputs(flags, [{ what: 'Run', value: run }], io);
    const say = (line: string): void => void io.stderr.write(`fapilog-tamper: ${printable(line)}\n`);
    const onCounts = progress ? countsTo(say) : (): void => {};
    const summary = await collectAudit(
      {
        run,
        redis: redisOf(flags, io),
        resultKeyPath,
        ...(wait && { wait: { stopped: io.stopped(), timeoutMs, onCounts, onTrouble: say } }),
      },
      outputs.result,
    );
    return outputs.summary(summary, { endedAt: Date.parse(summary.time) });
  },
);

function countsTo(say: (line: string) => void): (counts: RunCounts) => void {
  let last = '';
  return ({ done, failed, waiting, active, missing }) => {
    const total = done + failed + waiting + active + missing;
    const line = `${done} of ${total} streams done, ${active} being audited, ${waiting} waiting, ${failed} failed, ${missing} not in the queue`;
    if (line !== last) say(line);
    last = line;
  };
}

function usage(message: string): TamperError {
  return new TamperError('USAGE', message, { hint: 'Run: fapilog-tamper audit collect --help' });
}
