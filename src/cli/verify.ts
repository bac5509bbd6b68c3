import { TamperError } from '../errors.ts';
import type { ResolvedConfig, VerifyReport } from '../index.ts';
import { closing, proofsAmong, verifyWith, waitingLines, waitingText } from '../internal.ts';
import { type GivenItem, type ReportAbout, withoutQuotes } from '../report/about.ts';
import { type Call, type Command, type CommandIo, command } from './command.ts';
import { errorText } from './error-text.ts';
import { proofsText, refuseLogFlags, verifyProofs } from './evidence/verify-proofs.ts';
import { exitCode } from './exit-code.ts';
import { oneOf, text, under, yes } from './flags.ts';
import { jsonText, print, printable, printReport } from './output.ts';
import { checkOutputFile, REPORT_FILE, writeOutputFile } from './output-file.ts';
import { progressOn } from './progress.ts';
import { type VerifyFlags, verifyFlags, verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';
import { isOfTopic, type TopicFlags, topicFlags, verifyTopic } from './verify-topic.ts';

const exitOf = { ok: exitCode.done, tampered: exitCode.finding, undecided: exitCode.undecided } as const;

/** `fapilog-tamper verify` */
export const verify: Command = command(
  {
    usage:
      'PATH|LOCATION…|-|--from URL --origin NAME|--policy FILE [--key-env VAR] [--keys PATH] [--public-key FILE] [--known FILE] …',
    examples: [
      '% audit.jsonl --origin audit.example.com/app --public-key audit.key.pub',
      '% /var/log/app --policy policy.yaml --keys recovered.keys',
      '% s3://logs/app --policy policy.yaml --html report.html',
    ],
    about: [
      'Checks sealed files and says ok (exit code 0), tampered and where (1), or undecided and why (2). Keys and the name of the stream come from you, never from the log. Pass directories, rotated files in any order and .gz files as they are; a LOCATION is a folder or an object in a bucket: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://ACCOUNT/CONTAINER/FOLDER (docs/object-storage.md).',
      'A file named *.tlog-proof is the proof of one record, and one named *.stream-proof says what an auditor\'s journal has of one stream; both are made by "prove" (spec/evidence.md, spec/journal.md). Verify proofs and logs in separate calls.',
      'Key flags replace the keys of the same kind in the configuration and the environment.',
    ],
    flags: {
      ...verifyFlags,
      ...topicFlags,
      ...under('Output', {
        html: text('FILE', 'also write a report for people: one HTML file, which prints well too (docs/report.md)'),
        'without-lines': yes('leave the lines of the log out of that report'),
        format: oneOf(['text', 'json'], 'output format; spec/report.schema.json describes json'),
        quiet: yes('print only the verdict'),
        verbose: yes('also print key periods and every finding; with json the version and the SHA-256 of the verifier'),
      }),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { format, quiet, verbose } = call.flags;
    const ofTopic = isOfTopic(call.flags, call.positionals);
    const ofProofs = ofTopic ? undefined : await proofsAmong(call.positionals);
    const { html: reportFile, 'without-lines': withoutLines } = call.flags;
    if (ofProofs !== undefined) refuseLogFlags(call.flags);
    if (ofProofs !== undefined && reportFile !== undefined)
      throw new TamperError('USAGE', '--html is about logs, but a proof is to be verified');
    if (withoutLines && reportFile === undefined)
      throw new TamperError('USAGE', '--without-lines goes with --html FILE');
    if (reportFile !== undefined)
      await checkOutputFile(
        REPORT_FILE,
        reportFile,
        call.positionals.filter((path) => path !== '-'),
      );
    const { options, resolution, close } = await verifyRequest(call, io, !ofTopic);
    if (ofProofs !== undefined) {
      const report = await closing(verifyProofs(ofProofs, options), close);
      await printReport(io, proofsText(report, format, quiet));
      return exitOf[report.verdict];
    }
    const progress = progressOn(quiet || format === 'json' ? undefined : io.stderr);
    try {
      const shown = reportFile === undefined ? {} : { quoteLines: !withoutLines, digestFiles: true };
      const asked = { ...options, ...shown, onProgress: progress.show };
      const report = await (ofTopic ? verifyTopic(call.flags, asked, io) : verifyWith(asked));
      progress.end();
      const level = quiet ? 'quiet' : verbose ? 'verbose' : 'normal';
      const own = (format === 'json' && verbose) || reportFile !== undefined ? await io.digest?.() : undefined;
      const verifier = verbose && { verifier: { version: await io.version(), ...own } };
      if (format === 'json') await print(io.stdout, `${jsonText({ ...withoutQuotes(report), ...verifier }, 2)}\n`);
      else await printReport(io, verdictText(report, level));
      if (!quiet && !ofTopic) await sayWaiting(report, call.positionals, resolution.config, io);
      const code = exitOf[report.verdict];
      if (reportFile === undefined) return code;
      const about = { ...reportAbout(call, await io.version(), withoutLines), ...own };
      const { renderReport } = await import('../report/html/render-report.ts');
      try {
        await writeOutputFile(REPORT_FILE, reportFile, renderReport(report, about));
      } catch (error) {
        if (code === exitCode.done) throw error;
        await print(io.stderr, errorText(error)); // what was found in the log counts more
      }
      return code;
    } finally {
      progress.end();
      await close();
    }
  },
);

/** What the writer could not seal yet stands in no log, so no verdict speaks of it. */
async function sayWaiting(
  report: VerifyReport,
  paths: readonly string[],
  config: ResolvedConfig,
  io: CommandIo,
): Promise<void> {
  const beside = report.ignored.files.map(({ file }) => file);
  const logs = report.streams.map(({ origin, files }) => ({
    origin,
    files: [...(files.length > 0 ? files : paths), ...beside],
  }));
  const waiting = waitingLines(config, [...logs, { origin: config.origin, files: [...paths, ...beside] }]);
  if (waiting !== undefined) await print(io.stderr, printable(`note: ${waitingText(waiting)}`).concat('\n'));
}

/** What the report says of a verification on the command line: the names of what was given, never their content. */
function reportAbout(
  { flags, positionals }: Call<VerifyFlags & TopicFlags>,
  version: string,
  withoutLines: boolean,
): ReportAbout {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const given = givenItems(flags, positionals);
  return { version, checkedAt: new Date().toISOString(), timeZone, given, withoutLines };
}

function givenItems(flags: Call<VerifyFlags & TopicFlags>['flags'], positionals: readonly string[]): GivenItem[] {
  const items: GivenItem[] = [];
  const say = (what: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') items.push({ what, value });
  };
  say('Paths', positionals.join(', '));
  say('Read from', flags.from);
  say('State', flags.state);
  say('Log', flags.origin.join(', '));
  say('Policy', flags.policy);
  say('Configuration', flags.config);
  say('Public keys', flags['public-key'].join(', '));
  say('Data keys', [...flags.keys, ...flags['key-env'].map((name) => `environment variable ${name}`)].join(', '));
  say('Known checkpoints', flags.known);
  say('Checkpoints held', flags.since.join(', '));
  say('Manifests', flags.manifest.join(', '));
  const options = [
    flags.live && '--live',
    flags.now !== undefined && `--now ${flags.now.toISOString()}`,
    flags.part && '--part',
    flags.demux && '--demux',
    flags['accept-successors'] && '--accept-successors',
    flags.strict && '--strict',
  ];
  say('Options', options.filter((one) => one !== false).join(', '));
  return items;
}
