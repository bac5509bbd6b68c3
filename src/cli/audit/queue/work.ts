import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import { type WorkerEvent, workOnAudits } from '../../../internal.ts';
import { type Command, command } from '../../command.ts';
import { exitCode } from '../../exit-code.ts';
import { count, durationOf, text, under, yes } from '../../flags.ts';
import { print, printable } from '../../output.ts';
import { auditRequested, requestFlags } from '../request.ts';
import { queueFlags, queueName, redisOf, resultKey } from './queue-flags.ts';

/** `fapilog-tamper audit work` */
export const work: Command = command(
  {
    usage: 'PATH|LOCATION… --redis-url URL --memory PLACE --origin NAME|--policy FILE …',
    examples: [
      '% /var/log --redis-url redis://127.0.0.1 --memory /srv/auditor --policy policy.yaml --until-done',
      '% s3://logs/prod --redis-url rediss://queue.example.com --memory s3://auditor/memory --policy policy.yaml --concurrency 4',
    ],
    about: [
      'Runs the jobs that audit enqueue put into a queue in Redis or Valkey. After SIGTERM or SIGINT it finishes the jobs it has started, then exits. Start any number of workers on any machines, each with the same places, memory, policy, keys and options as audit enqueue. A worker started with different ones refuses its first job and exits with code 64. Each worker takes its keys from its own flags and environment. If a worker dies, another one takes over its job (docs/audit-workers.md). Needs the packages bullmq and ioredis.',
    ],
    takes: { 'PATH|LOCATION': 'as for audit enqueue' },
    flags: {
      ...under('The queue', {
        ...queueFlags,
        queue: queueName,
        concurrency: count('how many streams are audited at once (default 1)'),
        'until-done': yes('end when the queue has nothing left to do'),
        lock: text('DURATION', 'how long a worker may be silent before it loses its jobs (default 60s)'),
        'result-key': resultKey,
        progress: yes('print progress on standard error'),
      }),
      ...requestFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { queue, concurrency, 'until-done': untilDone, lock, progress, 'result-key': resultKeyPath } = call.flags;
    const lockMs = durationOf(lock, '--lock');
    const redis = redisOf(call.flags, io);
    const { request, close } = await auditRequested(call, io, undefined);
    try {
      const { done, failed, lost } = await workOnAudits(request, {
        redis,
        queue,
        concurrency,
        untilDone,
        ...(lockMs !== undefined && { lockSeconds: lockMs / 1000 }),
        resultKeyPath,
        name: `${hostname()}:${process.pid}`,
        stopped: io.stopped(),
        onEvent: (event) => tell(io.stderr, event, progress),
      });
      await print(io.stdout, `${done} streams audited, ${failed} attempts failed, ${lost} jobs lost\n`);
      return exitCode.done;
    } finally {
      await close();
    }
  },
);

function tell(stderr: Writable, event: WorkerEvent, all: boolean): void {
  const text = textOf(event);
  const isProgress = event.what === 'began' || event.what === 'progress' || event.what === 'done';
  if (all || !isProgress) stderr.write(`fapilog-tamper: ${printable(text)}\n`);
}

function textOf(event: WorkerEvent): string {
  switch (event.what) {
    case 'began':
      return `auditing ${event.origin}${event.attempt > 1 ? `, attempt ${event.attempt}` : ''}`;
    case 'progress':
      return `${event.origin}: ${megabytes(event.read)} of ${megabytes(event.total)} MB`;
    case 'done':
      return `audited ${event.origin}`;
    case 'failed':
      return `${event.origin}: ${event.why}`;
    case 'lost':
      return `lost ${event.origin}: another worker has taken over its job, or Redis stored its result but failed before it confirmed that`;
    case 'taken over':
      return 'if a worker does not answer, its job waits for another one';
    case 'trouble':
      return event.why;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
