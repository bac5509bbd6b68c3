import { TamperError } from '../../errors.ts';
import type { ResolvedConfig } from '../../index.ts';
import { type AuditOptions, type QueuedStreams, restsOnKeysOf } from '../../internal.ts';
import type { GivenItem } from '../../report/about.ts';
import type { Call, CommandIo } from '../command.ts';
import { count, durationOf, type Flag, text, under } from '../flags.ts';
import { type VerifyFlags, verifyFlags, verifyRequest } from '../verify-request.ts';

/** Flags of `verify` that an audit has as well. */
type SharedFlags = Pick<
  VerifyFlags,
  | 'origin'
  | 'policy'
  | 'config'
  | 'key-env'
  | 'keys'
  | 'public-key'
  | 'witness'
  | 'cosignatures'
  | 'since'
  | 'live'
  | 'accept-successors'
  | 'strict'
  | 'max-bytes'
>;

const shared: SharedFlags = {
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
  'accept-successors': verifyFlags['accept-successors'],
  strict: verifyFlags.strict,
  'max-bytes': verifyFlags['max-bytes'],
};

/** Flags of `verify` that are about a few files, or about now. */
const absent = {
  timestamp: [],
  'tsa-certificate': [],
  known: undefined,
  unwrap: undefined,
  manifest: [],
  part: false,
  demux: false,
  jobs: undefined,
  now: undefined,
} as const;

/** The flags that say what is audited and how. */
export type RequestFlags = SharedFlags & {
  readonly memory: Flag<string | undefined>;
  readonly 'stopped-after': Flag<string | undefined>;
  readonly retention: Flag<string | undefined>;
  readonly 'reread-within': Flag<string | undefined>;
  readonly 'reread-bytes': Flag<number | undefined>;
};

/** What each of them is for. */
export const requestFlags: RequestFlags = {
  ...under('The audit', {
    memory: text(
      'PLACE',
      'directory or bucket folder where the audit keeps its memory; writers of logs must not be able to write there',
    ),
    'stopped-after': text(
      'DURATION',
      'accept logs that are not closed; a stream whose newest proven seal is older than this, such as 26h, has stopped',
    ),
    retention: text(
      'DURATION',
      'files may be missing if their last entry is older than this, such as 400d (default: none may)',
    ),
    'reread-within': text(
      'DURATION',
      'read unchanged files again within this time, because the times of a file do not show every change (default 30d), or never',
    ),
    'reread-bytes': count('read at most N bytes of unchanged files again in one audit (default 256 GiB)'),
  }),
  ...shared,
};

/** What a command was asked to audit; the caller closes it. */
export interface AuditRequested {
  readonly request: QueuedStreams;
  /** That of the writer on this host, where there is one. */
  readonly config: ResolvedConfig;
  readonly close: () => Promise<void>;
}

/** Reads flags, configuration, policy and key files. `now` is for `--live`. @throws {@link TamperError} as `verifyRequest` */
export async function auditRequested(
  call: Call<RequestFlags>,
  io: CommandIo,
  now: Date | undefined,
): Promise<AuditRequested> {
  const { flags, positionals } = call;
  if (flags.memory === undefined || flags.memory === '') {
    throw new TamperError('USAGE', 'give a place for the memory of the audit: --memory PLACE', {
      hint: 'A directory, or a folder of a bucket, that no writer of logs can write to.',
    });
  }
  const stoppedAfterMs = durationOf(flags['stopped-after'], '--stopped-after');
  const retentionMs = durationOf(flags.retention, '--retention');
  const within = flags['reread-within'];
  const rereadMs = within === 'never' ? Number.POSITIVE_INFINITY : durationOf(within, '--reread-within');
  if (stoppedAfterMs !== undefined && flags.live) {
    throw new TamperError('USAGE', '--live and --stopped-after contradict each other on how recent a stream must be');
  }
  const asked: Call<VerifyFlags> = { ...call, flags: { ...absent, ...flags, now } };
  const { options, resolution, close } = await verifyRequest(asked, io);
  return {
    request: {
      places: positionals,
      memory: flags.memory,
      options: auditOptions(options, restsOnKeysOf(resolution)),
      stoppedAfterMs,
      retentionMs,
      rereadMs,
      rereadBytes: flags['reread-bytes'],
    },
    config: resolution.config,
    close,
  };
}

/** What is verified of each stream is the audit's to say. */
function auditOptions(options: Awaited<ReturnType<typeof verifyRequest>>['options'], restsOn: string): AuditOptions {
  const { paths: _, input: __, manifests: ___, part: ____, demux: _____, ...rest } = options;
  return { ...rest, restsOn };
}

/** What the report of an audit says that the auditor brought: the names of what was given, never their content. */
export function givenItems({ flags, positionals }: Call<RequestFlags>): GivenItem[] {
  const items: readonly (readonly [string, string | undefined])[] = [
    ['Places', positionals.join(', ')],
    ['Memory', flags.memory],
    ['Streams', flags.origin.join(', ')],
    ['Policy', flags.policy],
    ['Configuration', flags.config],
    ['Public keys', flags['public-key'].join(', ')],
    ['Data keys', [...flags.keys, ...flags['key-env'].map((name) => `environment variable ${name}`)].join(', ')],
    ['Witnesses', flags.witness.join(', ')],
    ['Checkpoints held', flags.since.join(', ')],
    ['A stream has stopped after', flags['stopped-after']],
    ['Files may be gone after', flags.retention],
    [
      'Options',
      [flags.live && '--live', flags['accept-successors'] && '--accept-successors', flags.strict && '--strict']
        .filter((one) => one !== false)
        .join(', '),
    ],
  ];
  return items.flatMap(([what, value]) => (value === undefined || value === '' ? [] : [{ what, value }]));
}
