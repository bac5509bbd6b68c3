import { TamperError } from '../errors.ts';
import type { VerifyReport } from '../index.ts';
import { type VerifyOptions, verifyTopicWith } from '../internal.ts';
import type { CommandIo } from './command.ts';
import { type Flag, type FlagValues, text, under, yes } from './flags.ts';
import { print, printable } from './output.ts';
import type { VerifyFlags } from './verify-request.ts';

/** `fapilog-tamper verify --from kafka://…` */

/** The flags that speak of a topic. */
export type TopicFlags = {
  readonly from: Flag<string | undefined>;
  readonly state: Flag<string | undefined>;
  readonly 'findings-topic': Flag<string | undefined>;
  readonly follow: Flag<boolean>;
};

/** What each of them is for. */
export const topicFlags: TopicFlags = under('A topic of Kafka', {
  from: text(
    'kafka://HOST:PORT[,HOST:PORT]/TOPIC',
    'read a topic of Kafka instead of files: key = origin, value = a sealed line; kafkas:// for TLS (docs/kafka.md)',
  ),
  state: text('DIRECTORY', 'with --from: save what was read, with its offsets, so that the next run continues there'),
  'findings-topic': text('NAME', 'with --from: write findings to this topic'),
  follow: yes('with --from: keep reading until SIGTERM, then report'),
});

type Given = FlagValues<VerifyFlags & TopicFlags>;

/** Flags that speak of files. */
const OF_FILES = ['unwrap', 'manifest', 'part', 'demux', 'max-bytes', 'jobs'] as const;

/**
 * Whether a topic is to be verified.
 *
 * @throws {@link TamperError} `USAGE` where something is about files and something about a topic
 */
export function isOfTopic(flags: Given, paths: readonly string[]): boolean {
  if (flags.from === undefined) {
    for (const name of ['state', 'findings-topic', 'follow'] as const) {
      if (flags[name] === undefined || flags[name] === false) continue;
      throw new TamperError('USAGE', `--${name} goes with --from kafka://HOST:PORT/TOPIC`);
    }
    return false;
  }
  if (paths.length > 0) {
    throw new TamperError('USAGE', 'verify either files or a topic: --from cannot be combined with paths', {
      hint: 'Leave out the paths, or --from.',
    });
  }
  for (const name of OF_FILES) {
    const value = flags[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new TamperError('USAGE', `--${name} is about files, but a topic is to be verified`);
  }
  return true;
}

/** Verifies the topic. Findings are told on standard error as they are found where it is followed. */
export async function verifyTopic(flags: Given, verify: VerifyOptions, io: CommandIo): Promise<VerifyReport> {
  const { from = '', state, follow, 'findings-topic': findingsTopic } = flags;
  const stopping = new AbortController();
  const stop = follow ? io.stopped().then(() => stopping.abort()) : undefined;
  const tell = (line: string): void => void print(io.stderr, `${printable(line)}\n`);
  const report = await verifyTopicWith({
    from,
    verify,
    env: io.env,
    state,
    findingsTopic,
    follow,
    stop: stopping.signal,
    onNotice: (notice) => tell(`verify: ${notice}`),
    ...(follow && {
      onFinding: (origin: string, { code, severity, message, file = '', offset }) =>
        tell(`${severity} ${origin} ${code}: ${message} (${file}, offset ${offset ?? 'unknown'})`),
    }),
  });
  void stop;
  return report;
}
