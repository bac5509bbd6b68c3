import { TamperError } from '../../errors.ts';
import { DEFAULT_LISTEN, KnownStates, listenAddress, shardOf, watchStreams } from '../../internal.ts';
import type { Call, CommandIo } from '../command.ts';
import { errorText } from '../error-text.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { durationOf, type Flag, type FlagValues, text, under, yes } from '../flags.ts';
import { auditOutputs, checkOutputs, keptLines, type OutputFlags } from './outputs.ts';
import { auditRequested, givenItems, type RequestFlags } from './request.ts';

/** `fapilog-tamper audit --watch` */

/** The flags of a watch. */
export type WatchFlags = {
  readonly watch: Flag<boolean>;
  readonly interval: Flag<string | undefined>;
  readonly listen: Flag<string | undefined>;
  readonly webhook: Flag<string | undefined>;
  readonly 'webhook-secret-file': Flag<string | undefined>;
};

/** What each of them is for. */
export const watchFlags: WatchFlags = under('As a service', {
  watch: yes('keep auditing until SIGTERM or SIGINT, and print the streams whose state has changed (docs/audit.md)'),
  interval: text('DURATION', 'with --watch: the pause between two rounds (default 5m)'),
  listen: text(
    'HOST:PORT',
    `with --watch: address of /metrics and /healthz (default ${DEFAULT_LISTEN.host}:${DEFAULT_LISTEN.port})`,
  ),
  webhook: text('URL', 'with --watch: notify this URL of findings, by https, or by http to this host'),
  'webhook-secret-file': text('FILE', 'secret that signs the messages to the webhook (default: AUDIT_WEBHOOK_SECRET)'),
});

const INTERVAL_MS = 300_000;

/** The flags of an audit. */
export type AuditFlags = RequestFlags &
  OutputFlags &
  WatchFlags & {
    readonly now: Flag<Date | undefined>;
    readonly journal: Flag<string | undefined>;
    readonly shard: Flag<string | undefined>;
    readonly run: Flag<string | undefined>;
  };

/** Refuses what only a watch can do. @throws {@link TamperError} `USAGE` */
export function refuseWatchFlags(flags: FlagValues<WatchFlags>): void {
  for (const name of ['interval', 'listen', 'webhook', 'webhook-secret-file'] as const) {
    if (flags[name] !== undefined) throw new TamperError('USAGE', `--${name} goes with --watch`);
  }
}

/** Audits until it is stopped. @returns the exit code */
export async function watchPlaces(call: Call<AuditFlags>, io: CommandIo): Promise<number> {
  const { flags } = call;
  if (flags.now !== undefined)
    throw new TamperError('USAGE', '--now is a single time, but --watch audits again and again');
  if (flags.run !== undefined)
    throw new TamperError(
      'USAGE',
      '--run cannot be combined with --watch: it names the parts of one audit, to be merged',
    );
  if (flags.journal !== undefined)
    throw new TamperError('USAGE', '--journal cannot be combined with --watch: a journal has a record for each audit', {
      hint: 'Run an audit with --journal every night, with a memory of its own.',
    });
  if (flags.webhook === undefined && flags['webhook-secret-file'] !== undefined) {
    throw new TamperError('USAGE', '--webhook-secret-file goes with --webhook URL');
  }
  const intervalMs = durationOf(flags.interval, '--interval') ?? INTERVAL_MS;
  const listen = flags.listen === undefined ? DEFAULT_LISTEN : listenAddress(flags.listen);
  const shard = shardOf(flags.shard, io.env);
  await checkOutputs(flags, call.positionals);
  const say = (line: string): void => void io.stderr.write(line);
  const { request, config, close } = await auditRequested(call, io, undefined);
  try {
    await watchStreams(
      { ...request, shard },
      {
        intervalMs,
        listen,
        webhook:
          flags.webhook === undefined
            ? undefined
            : { url: flags.webhook, secretFile: flags['webhook-secret-file'], env: io.env },
        stopped: io.stopped(),
        outputs: outputsOfRounds(call, io),
        keptLines: keptLines(config, flags.quiet, io),
        isFatal,
        onListening: (url) => say(`fapilog-tamper: watching; ${url}/metrics, ${url}/healthz\n`),
        onTrouble: (error) => say(errorText(error)),
      },
    );
    return exitCode.done;
  } finally {
    await close();
  }
}

/** What is wrong with the command line shows in the first round; a bug does not go away. */
function isFatal(error: unknown, round: number): boolean {
  const code = exitCodeOf(error);
  return code === exitCode.bug || (round === 1 && code === exitCode.usage);
}

/** Of the same state nothing is said twice. */
function outputsOfRounds(call: Call<AuditFlags>, io: CommandIo): () => ReturnType<typeof auditOutputs> {
  const { flags } = call;
  const known = new KnownStates();
  const given = givenItems(call);
  return () => {
    known.beginRound();
    const { result, summary } = auditOutputs({ ...flags, verbose: true }, given, io, (one) => {
      const { isNews, states } = known.look(one);
      known.note(states);
      return isNews || flags.verbose;
    });
    return {
      result,
      summary: async (...all) => {
        known.endRound();
        return summary(...all);
      },
    };
  };
}
