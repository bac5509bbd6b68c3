import { auditStreams, type JournalOptions, noRequests, runOf, shardOf } from '../../internal.ts';
import { type Call, type Command, type CommandIo, command, configurationOf } from '../command.ts';
import { text, under } from '../flags.ts';
import { verifyFlags } from '../verify-request.ts';
import { auditOutputs, checkOutputs, keptLines, outputFlags } from './outputs.ts';
import { auditRequested, givenItems, requestFlags } from './request.ts';
import { type AuditFlags, refuseWatchFlags, watchFlags, watchPlaces } from './watch.ts';

/** `fapilog-tamper audit` */
export const audit: Command = command(
  {
    usage: 'PATH|LOCATION… --memory PLACE --origin NAME|--policy FILE [--public-key FILE] [--keys PATH] …',
    examples: [
      '% /var/log --memory /srv/auditor --policy policy.yaml',
      '% s3://logs/prod --memory s3://auditor/memory --policy policy.yaml --format json',
      '% /var/log --memory /srv/auditor --policy policy.yaml --watch --interval 10m',
    ],
    about: [
      'Verifies every stream below the given places and remembers the newest checkpoint of each, so that the next audit reads only what is new. Reports what happened to each stream: new, grown, unchanged, removed, stopped, vanished, rolled_back, forked and so on (docs/audit.md). Exit code 0: all streams are ok; 1: at least one was tampered with, rolled back or forked, or has vanished; 2: at least one is undecided, missing or stopped.',
      'You can interrupt an audit at any time; the next one continues where it stopped. Several audits can share one memory at the same time. With --shard I/N, or as an array job of Kubernetes or AWS Batch, an audit covers one of N parts of the streams; audit merge combines the outputs of all parts (--format json).',
      'With --watch it runs as a service: it audits again every --interval, serves /metrics and /healthz on this host, and calls --webhook when a stream needs attention.',
    ],
    takes: {
      'PATH|LOCATION': 'directories, or s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://ACCOUNT/CONTAINER/FOLDER',
    },
    flags: {
      ...requestFlags,
      journal: text(
        'FILE',
        "the configuration of the writer of the auditor's own log, in which what this audit finds is sealed (docs/audit.md)",
      ),
      now: verifyFlags.now,
      ...under('One part of an audit', {
        shard: text(
          'I/N',
          'audit only part I of N, counted from 0 (default: all parts; in an array job, its own part)',
        ),
        run: text(
          'NAME',
          'name of this audit, the same for all its parts and different from the next audit; required with --shard (default: the array job of AWS Batch)',
        ),
      }),
      ...outputFlags,
      ...watchFlags,
    },
    takesConfig: true,
  },
  async (call, io) => (call.flags.watch ? watchPlaces(call, io) : auditPlaces(call, io)),
);

async function auditPlaces(call: Call<AuditFlags>, io: CommandIo): Promise<number> {
  const { flags } = call;
  refuseWatchFlags(flags);
  const part = shardOf(flags.shard, io.env);
  const shard = { ...part, run: runOf(flags.run, io.env, part) };
  const journalLog = await journalOf(flags.journal, io);
  await checkOutputs(flags, call.positionals);
  const { request, config, close } = await auditRequested(call, io, flags.now);
  try {
    const outputs = auditOutputs(flags, givenItems(call), io);
    const streams = new Set<string>();
    const requests = noRequests();
    const began = performance.now();
    const summary = await auditStreams(
      { ...request, shard, now: flags.now ?? new Date(), requests, journalLog },
      async (result) => {
        streams.add(result.stream);
        await outputs.result(result);
      },
    );
    const run = { endedAt: Date.now(), tookMs: performance.now() - began, requests };
    const kept = await keptLines(config, flags.quiet, io)(streams);
    return await outputs.summary(summary, { ...run, keptLines: kept });
  } finally {
    await close();
  }
}

async function journalOf(path: string | undefined, io: CommandIo): Promise<JournalOptions | undefined> {
  if (path === undefined) return undefined;
  return { config: await configurationOf(path), verifier: `fapilog-tamper ${await io.version()}` };
}
