import { TamperError } from '../../index.ts';
import { auditStreams, type FleetOptions, restsOnKeysOf, shardOf } from '../../internal.ts';
import { type Call, type Command, type CommandIo, command } from '../command.ts';
import { type Flag, oneOf, text, yes } from '../flags.ts';
import { type VerifyFlags, verifyFlags, verifyRequest } from '../verify-request.ts';
import { durationOf } from './duration.ts';
import { merge } from './merge.ts';
import { exitOf, printer } from './printer.ts';

/** Flags of `verify` that an audit has as well. */
const shared = {
  origin: verifyFlags.origin,
  policy: verifyFlags.policy,
  config: verifyFlags.config,
  'key-env': verifyFlags['key-env'],
  keys: verifyFlags.keys,
  'public-key': verifyFlags['public-key'],
  witness: verifyFlags.witness,
  cosignatures: verifyFlags.cosignatures,
  since: verifyFlags.since,
  live: verifyFlags.live,
  now: verifyFlags.now,
  'accept-successors': verifyFlags['accept-successors'],
  strict: verifyFlags.strict,
  'max-bytes': verifyFlags['max-bytes'],
} as const;

/** Flags of `verify` that are about a few files. */
const absent = {
  timestamp: [],
  'tsa-certificate': [],
  known: undefined,
  unwrap: undefined,
  manifest: [],
  part: false,
  demux: false,
  jobs: undefined,
} as const;

type AuditFlags = typeof shared & {
  readonly memory: Flag<string | undefined>;
  readonly 'stopped-after': Flag<string | undefined>;
  readonly retention: Flag<string | undefined>;
  readonly shard: Flag<string | undefined>;
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
      memory: text(
        'PLACE',
        'directory or bucket folder for what is remembered; nobody who writes logs may write there',
      ),
      ...shared,
      'stopped-after': text(
        'DURATION',
        'logs need not be closed, but a stream whose newest proven seal is older, as 26h, has stopped',
      ),
      retention: text('DURATION', 'files may be gone whose last entry is older, as 400d (default: none may)'),
      shard: text('I/N', 'only part I of N, from 0 (default: all, or the part that an array job is)'),
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
  const { flags, positionals } = call;
  if (flags.memory === undefined) {
    throw new TamperError('USAGE', 'say where the audit remembers what it has seen: --memory PLACE', {
      hint: 'A directory, or a folder of a bucket that nobody can write to who writes logs.',
    });
  }
  const stoppedAfterMs = durationOf(flags['stopped-after'], '--stopped-after');
  const retentionMs = durationOf(flags.retention, '--retention');
  if (stoppedAfterMs !== undefined && flags.live) {
    throw new TamperError('USAGE', '--live and --stopped-after say differently how recent a stream must be');
  }
  const shard = shardOf(flags.shard, io.env);
  const asked: Call<VerifyFlags> = { ...call, flags: { ...absent, ...flags } };
  const { options, resolution, close } = await verifyRequest(asked, io);
  const show = printer(flags, io);
  try {
    const summary = await auditStreams(
      {
        places: positionals,
        memory: flags.memory,
        options: fleetOptions(options, restsOnKeysOf(resolution)),
        shard,
        now: flags.now ?? new Date(),
        stoppedAfterMs,
        retentionMs,
      },
      show.result,
    );
    await show.summary(summary);
    return exitOf[summary.verdict];
  } finally {
    await close();
  }
}

/** What is verified of each stream is the audit's to say. */
function fleetOptions(options: Awaited<ReturnType<typeof verifyRequest>>['options'], restsOn: string): FleetOptions {
  const { paths: _, input: __, manifests: ___, part: ____, demux: _____, ...rest } = options;
  return { ...rest, restsOn };
}
