import { TamperError } from '../../../errors.ts';
import { enqueueAudit } from '../../../internal.ts';
import { type Command, command } from '../../command.ts';
import { exitCode } from '../../exit-code.ts';
import { count, durationOf, text, under } from '../../flags.ts';
import { print, printable } from '../../output.ts';
import { auditRequested, requestFlags } from '../request.ts';
import { queueFlags, queueName, redisOf, resultKey } from './queue-flags.ts';

/** `fapilog-tamper audit enqueue` */
export const enqueue: Command = command(
  {
    usage: 'PATH|LOCATION… --run FILE --redis-url URL --memory PLACE --origin NAME|--policy FILE …',
    examples: [
      '% /var/log --run tonight.run --redis-url redis://127.0.0.1 --memory /srv/auditor --policy policy.yaml',
      '% s3://logs/prod --run tonight.run --redis-url rediss://queue.example.com --memory s3://auditor/memory --policy policy.yaml',
    ],
    about: [
      'Finds the streams in the given places and puts one job per stream into a queue in Redis or Valkey; any number of machines can run them with audit work (docs/audit-workers.md). Writes the list of streams to FILE, which audit collect needs. If FILE already exists, nothing is listed: jobs missing from the queue are added, failed jobs are queued again, and all others stay as they are. A job never contains a key or a password. Needs the packages bullmq and ioredis.',
    ],
    takes: { 'PATH|LOCATION': 'as for audit; the same for audit work' },
    flags: {
      ...under('The queue', {
        run: text('FILE', 'the file of the run; a new one for each audit'),
        ...queueFlags,
        queue: queueName,
        attempts: count('how many times a job is tried before it counts as failed (default 5)'),
        keep: text('DURATION', 'how long results are kept in Redis (default 3d)'),
        'result-key': resultKey,
      }),
      ...requestFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { run, queue, attempts, keep, 'result-key': resultKeyPath } = call.flags;
    if (run === undefined) {
      throw new TamperError('USAGE', 'name the file of the run: --run FILE', {
        hint: 'It is made, and audit collect needs it; a new one for each audit, such as --run "audit-$(date -u +%F).run".',
      });
    }
    const keepMs = durationOf(keep, '--keep');
    const keepSeconds = keepMs === undefined ? undefined : Math.ceil(keepMs / 1000);
    const redis = redisOf(call.flags, io);
    const { request, close } = await auditRequested(call, io, undefined);
    try {
      const done = await enqueueAudit(request, { run, redis, queue, attempts, keepSeconds, resultKeyPath });
      const { added, retried, present, again } = done;
      const before = again ? `, which ${printable(run)} already was` : '';
      const parts = [`${added} added`, `${retried} tried again`, `${present} there already`];
      await print(io.stdout, `run ${done.run}${before}: ${added + retried + present} streams: ${parts.join(', ')}\n`);
      return exitCode.done;
    } finally {
      await close();
    }
  },
);
