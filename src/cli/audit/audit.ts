import { auditStreams, runOf, shardOf } from '../../internal.ts';
import { type Call, type Command, type CommandIo, command } from '../command.ts';
import { type Flag, oneOf, text, yes } from '../flags.ts';
import { verifyFlags } from '../verify-request.ts';
import { merge } from './merge.ts';
import { exitOf, printer } from './printer.ts';
import { auditRequested, type RequestFlags, requestFlags } from './request.ts';

type AuditFlags = RequestFlags & {
  readonly now: Flag<Date | undefined>;
  readonly shard: Flag<string | undefined>;
  readonly run: Flag<string | undefined>;
  readonly format: Flag<'text' | 'json'>;
  readonly quiet: Flag<boolean>;
  readonly verbose: Flag<boolean>;
};

/** `fapilog-tamper audit` */
export const audit: Command = command(
  {
    usage:
      'PATH|LOCATION… --memory PLACE --origin NAME|--policy FILE [--public-key FILE] [--keys PATH] … | merge FILE…',
    about: [
      'Verifies every stream below the given places and remembers the newest checkpoint of each, so that the next audit reads only what is new. Says of each what became of it: new, grown, unchanged, removed, stopped, vanished, rolled_back, forked and others (docs/audit.md). Exit code 0: all streams are ok; 1: one was tampered with, rolled back, forked or has vanished; 2: one could not be decided, is missing or has stopped.',
      'It may be interrupted at any time, and goes on where it was; several may run at once on one memory. With --shard I/N, or as an array job of Kubernetes or AWS Batch, it takes one of N parts of the streams; audit merge puts the outputs of all parts (--format json) together.',
    ],
    takes: {
      'PATH|LOCATION': 'directories, or s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://ACCOUNT/CONTAINER/FOLDER',
    },
    flags: {
      ...requestFlags,
      now: verifyFlags.now,
      shard: text('I/N', 'only part I of N, from 0 (default: all, or the part that an array job is)'),
      run: text(
        'NAME',
        'what all parts of one audit share, and the next audit does not: needed with --shard (default: the array job of AWS Batch)',
      ),
      format: oneOf(['text', 'json'], 'output format; json: one JSON a line, of a stream as soon as it is done'),
      quiet: yes('print only the summary'),
      verbose: yes('also print streams that are ok'),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const [verb, ...files] = call.positionals;
    return verb === 'merge' ? merge(files, call, io) : auditPlaces(call, io);
  },
);

async function auditPlaces(call: Call<AuditFlags>, io: CommandIo): Promise<number> {
  const { flags } = call;
  const { request, close } = await auditRequested(call, io, flags.now);
  try {
    const part = shardOf(flags.shard, io.env);
    const shard = { ...part, run: runOf(flags.run, io.env, part) };
    const show = printer(flags, io);
    const summary = await auditStreams({ ...request, shard, now: flags.now ?? new Date() }, show.result);
    await show.summary(summary);
    return exitOf[summary.verdict];
  } finally {
    await close();
  }
}
