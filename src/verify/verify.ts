import { selectEngine } from '../engine/selected-engine.ts';
import { TamperError } from '../errors.ts';
import { Deleted } from '../foundation/file-identity.ts';
import type { Auditor, Elsewhere } from './auditor/auditor.ts';
import { auditorFor } from './auditor/auditor-for.ts';
import { policyFor } from './auditor/auditor-names.ts';
import { type KnownRun, withKnown } from './auditor/known.ts';
import type { KnownStreams } from './auditor/known-streams.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { carrierOf } from './carrier/carriers.ts';
import { ErasureBook, type RecordedByOrigin } from './erasures/erasure-book.ts';
import { demultiplex } from './files/demultiplex.ts';
import {
  groupByOrigin,
  heldSizesOf,
  missingReports,
  namesStream,
  originsByTag,
  patternsOf,
  unclaimedReport,
  vanishedReports,
  wantedBy,
} from './files/grouping.ts';
import { type FileReading, manifestsOfCopies, orderFiles, ownersOfEmpty, readFiles } from './files/stream-files.ts';
import { UnfinishedErasures } from './files/unfinished-erasures.ts';
import { Listings } from './found/listings.ts';
import { openLogs } from './found/open-logs.ts';
import { openStored } from './found/stored-logs.ts';
import { lookAhead } from './input/look-ahead.ts';
import { type PeekedSource, peek, type Wanted } from './input/peek.ts';
import { streamSource } from './input/sources.ts';
import { FindingRoom, Findings } from './model/findings.ts';
import { TimelineRoom } from './model/timeline.ts';
import { withProcesses } from './parallel/parallel-reading.ts';
import type { Keeping } from './stream/kept-records.ts';
import { checkGiven } from './stream/manifests.ts';
import { StreamVerifier } from './stream/stream-verifier.ts';
import { IgnoredFiles, type ManifestAlone } from './verdict/ignored-files.ts';
import { linkedStream } from './verdict/linked-stream.ts';
import { checkLinks, citedSizes, type LinkedStream } from './verdict/links.ts';
import { checkManifestsAlone } from './verdict/manifests-alone.ts';
import { emptyReport, type StreamReport, streamReport, type VerifyReport, wholeReport } from './verdict/report.ts';

/*
 * paths -> files      which there are, whose, in which order (or mixed: demultiplexed)
 *       -> input      their bytes: gzip undone, cut into lines
 *       -> stream     a record is compared as bytes (or by other processes: parallel), all else is parsed
 *       -> entry      its place, its key period, its auth, its members
 *       -> range      where a range begins and ends, what a restart takes over
 *  note -> trust      who signed it, who vouches for a key period, by the names that the auditor brings
 *   all -> state      what is known of the stream so far, in memory that allowances bound
 *   end -> verdict    the proven end, every entry covered or not, links to other streams: the report
 */

const DEFAULT_MAX_BYTES = 64 * 2 ** 30;
/** So often files are looked for anew of which one is deleted before it is read. */
const ATTEMPTS = 5;

async function openSources(
  options: VerifyOptions,
  names: readonly string[],
  ignored: IgnoredFiles,
): Promise<PeekedSource[]> {
  const { observer, maxBytes = DEFAULT_MAX_BYTES } = options;
  const form = { maxBytes, carrier: carrierOf(options.unwrap), onRead: observer?.read };
  const paths = options.paths.filter((path) => path !== '-');
  const wanted = wantedBy(names, options.continued);
  const { stored = [] } = options;
  const peeked = await openLogs(paths, form, ignored, wanted, stored.length === 0 && !options.paths.includes('-'));
  for (const logs of stored) for (const log of await openStored(logs, form, ignored, wanted)) peeked.push(log);
  if (!options.paths.includes('-')) return lookForNamed(peeked, names, wanted, options.continued);
  if (options.input === undefined) throw new TamperError('USAGE', 'the path - needs an input to read from');
  const { source, beginning } = await lookAhead(streamSource('-', options.input, form.carrier));
  const files = [...peeked, { source, peek: await peek(beginning, wanted) }];
  return lookForNamed(files, names, wanted, options.continued);
}

/**
 * M8.2: A file whose first entry is of no named stream may hold one of a stream that a pattern names, and that no open in this
 * file but one in another shows to be here.
 */
async function lookForNamed(
  files: readonly PeekedSource[],
  names: readonly string[],
  wanted: Wanted,
  continued: boolean | undefined,
): Promise<PeekedSource[]> {
  const peeks = files.map((file) => file.peek);
  const byTag = originsByTag(names, peeks, continued);
  const tags = new Set([...byTag.keys()].filter((tag) => !wanted.tags.has(tag)));
  const looked: PeekedSource[] = [];
  for (const file of files) {
    const { source, peek: known } = file;
    const mayHold = source.repeatable && known.tag !== undefined && !byTag.has(known.tag);
    const again = tags.size > 0 && mayHold && file.neighbour === undefined;
    looked.push(again ? { source, peek: await peek(source, { tags }) } : file);
  }
  return looked;
}

/** Reads each stream's files in their order. */
async function verifyFiles(
  options: VerifyOptions,
  groups: ReadonlyMap<string | undefined, readonly PeekedSource[]>,
  auditorOf: (origin: string) => Auditor,
  { alone, ...told }: Pick<FileReading, 'onBytes' | 'onBeside'> & { readonly alone: ManifestAlone[] },
  book: ErasureBook,
  kept: Keeping | undefined,
  again: boolean,
): Promise<LinkedStream[]> {
  const streams: LinkedStream[] = [];
  const { jobs = 1, quoteLines, digestFiles } = options;
  const room = new FindingRoom();
  const timelineRoom = new TimelineRoom();
  const large = jobs > 1 ? await withProcesses(jobs) : undefined;
  const hiddenBeside = (groups.get(undefined) ?? []).some(({ peek }) => peek.hidden !== undefined);
  const cited = citedSizes([...groups].flatMap(([origin, files]) => (origin === undefined ? [] : files)));
  const unfinished = new UnfinishedErasures();
  const isLog = ([origin]: readonly [string | undefined, unknown]): boolean => origin !== undefined && book.has(origin);
  for (const [origin, files] of [...groups].sort((a, b) => Number(isLog(b)) - Number(isLog(a)))) {
    if (origin === undefined) continue;
    const findings = new Findings(room);
    const erasures = book.has(origin) ? book.reader(findings) : undefined;
    const verifier = new StreamVerifier(auditorOf(origin), findings, {
      cited: cited.get(origin),
      keeper: erasures?.keeper ?? kept?.keeper(),
      quoteLines,
      timelineRoom,
    });
    const ordered = await orderFiles(files, findings);
    await unfinished.tell(ordered, origin, findings);
    alone.push(...(await manifestsOfCopies(files, ordered, options.manifests)));
    const hidesItself = ordered.some(({ peek }) => peek.hidden !== undefined);
    const hidingCopies = findings.count('UNREADABLE') + findings.count('ENCODING_CONVERTED');
    const hiddenElsewhere = verifier.state.auditor.elsewhere?.why === 'not read';
    if (hiddenBeside || hiddenElsewhere || hidesItself || hidingCopies > 0) verifier.state.coverage.missFile();
    const reading = { ...told, manifests: options.manifests, large, again, digestFiles };
    const details = await readFiles(verifier, ordered, reading);
    verifier.end();
    const names = ordered.map(({ source }) => source.name);
    const stream = linkedStream(verifier.state, names, details);
    erasures?.end(origin, stream);
    streams.push(stream);
  }
  return streams;
}

/** A demand that no file of a carrier, or of several streams, could meet is told, and not called tampering. @throws {@link TamperError} `USAGE` */
function checkManifestDemand(options: VerifyOptions): void {
  if (options.unwrap === undefined && options.demux !== true) return;
  const demanded = patternsOf(options).some((pattern) => policyFor(options.policy, pattern)?.manifestRequired);
  if (!demanded && (options.manifests ?? []).length === 0) return;
  const what = 'a manifest is about a file that its writer closed, not about one of a carrier or of several streams';
  throw new TamperError('USAGE', what, { hint: 'Verify the file that the writer closed, or demand no manifest.' });
}

/**
 * Verifies sealed files (spec 8). It reads in one pass and bounded memory, trusts nothing in the files, and returns a
 * report; a finding is never an exception. It throws only where it could not run.
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `FORMAT_INVALID`, `FORMAT_LIMIT`, `NOT_FOUND`, `READ_FAILED`,
 *   `WRITE_FAILED`, `LOCKED`, `CONFIG_INVALID`, `DEPENDENCY_MISSING`
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  return verifyKeeping(options, undefined);
}

/** What the one who chose the files knows that they do not show. */
export interface Outside {
  /** What erasure logs record: they were verified before (R1.3). */
  readonly recorded: RecordedByOrigin;
  readonly elsewhere?: Elsewhere | undefined;
}

/** The same, with what is known of other files than these. */
export async function verifyAmong(options: VerifyOptions, outside: Outside): Promise<VerifyReport> {
  patternsOf(options);
  checkManifestDemand(options);
  await selectEngine();
  return (await verifyWith(options, new Map(), undefined, outside)).result;
}

/** Verifies the erasure logs of the policy, and gives what they record. @throws {@link TamperError} as {@link verify} */
export async function verifyErasureLogs(
  options: VerifyOptions,
): Promise<{ readonly report: VerifyReport; readonly recorded: RecordedByOrigin }> {
  patternsOf(options);
  await selectEngine();
  const { result, recorded } = await verifyWith(options, new Map(), undefined);
  return { report: result, recorded };
}

/** The same; `kept` gets every record that is accepted on the way. */
export async function verifyKeeping(options: VerifyOptions, kept: Keeping | undefined): Promise<VerifyReport> {
  patternsOf(options);
  checkManifestDemand(options);
  await selectEngine();
  if (options.known === undefined) return (await verifyWith(options, new Map(), kept)).result;
  return withKnown(options.known, options.paths.includes('-'), async (known) => verifyWith(options, known, kept));
}

/** One verification, with what is known of its streams from before. */
async function verifyWith(
  options: VerifyOptions,
  known: KnownStreams,
  kept: Keeping | undefined,
  outside?: Outside,
): Promise<VerifyRun> {
  const listings = new Listings(options.stored ?? []);
  const listed = { ...options, stored: listings.logs };
  let erasuresBefore: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const again = attempt < ATTEMPTS && !options.paths.includes('-');
    try {
      const run = await verifyOnce(listed, known, kept, again, outside);
      const mayBeRecorded = run.unrecordedAt !== undefined && run.unrecordedAt !== erasuresBefore; // R1.3
      if (run.ok || !again || !((await listings.changed()) || mayBeRecorded)) return run;
      erasuresBefore = run.unrecordedAt;
    } catch (error) {
      if (!(error instanceof Deleted)) throw error;
    }
  }
}

/** Of mixed files those of which no entry could be read, if no stream says so: nobody knows what they held (M8.5). */
function untold(sources: readonly PeekedSource[], reports: readonly StreamReport[]): readonly PeekedSource[] {
  const told = new Set(reports.flatMap(({ findings }) => findings.map(({ code, file }) => `${code} ${file}`)));
  return sources.filter(
    ({ source, peek: one }) => one.hidden !== undefined && !told.has(`${one.hidden.code} ${source.name}`),
  );
}

/** A run that found an erasure which the erasure logs, of so many entries together, do not record. */
interface VerifyRun extends KnownRun<VerifyReport> {
  readonly unrecordedAt?: number;
  /** What the erasure logs among the files record. */
  readonly recorded: RecordedByOrigin;
}

/** @throws {@link Deleted} where a file was deleted that was to be read, and `again` says so */
async function verifyOnce(
  options: VerifyOptions,
  known: KnownStreams,
  kept: Keeping | undefined,
  again: boolean,
  outside: Outside | undefined,
): Promise<VerifyRun> {
  kept?.begin();
  const heldByFile = [...known.values()].flatMap(({ first, newest }) => [first, newest]);
  const held = [...(options.held ?? []), ...heldByFile];
  const stamped = (options.timestamps ?? []).map(({ note }) => note);
  const heldSizes = heldSizesOf(options, [...held, ...stamped]);
  const names = [...new Set([...patternsOf(options), ...heldSizes.keys()])];
  const ignored = new IgnoredFiles();
  const sources = await openSources(options, names, ignored);
  await checkGiven(
    options.manifests ?? [],
    sources.map(({ source }) => source.name),
  );
  const total = sources.reduce((sum, { source }) => sum + source.size, 0);
  let read = 0;
  let beside = 0;
  const told = {
    onBytes: (bytes: number): void => {
      read += bytes;
      options.onProgress?.(read, total);
    },
    onBeside: (): void => {
      beside++;
    },
  };
  const shown = { quoteLines: options.quoteLines, digestFiles: options.digestFiles };
  const groups =
    options.demux === true
      ? undefined
      : groupByOrigin(names, sources, options, await ownersOfEmpty(sources, options.manifests));
  // of files in which streams are mixed no manifest is recomputed, and each tells of entries that have to be somewhere
  const indexes =
    groups === undefined ? await manifestsOfCopies(sources.filter(({ peek: one }) => one.hidden === undefined)) : [];
  ignored.manifests.push(...indexes);
  const book = new ErasureBook(options.policy?.erasures ?? []);
  const auditorOf = (origin: string): Auditor => {
    const auditor = auditorFor(options, origin, held);
    const erasures = book.told(origin, auditor.accept.erased, outside?.recorded);
    const packed = ignored.packed === undefined ? undefined : ({ file: ignored.packed, why: 'not unpacked' } as const);
    return { ...auditor, erasures, seenFrom: known.get(origin)?.from, elsewhere: outside?.elsewhere ?? packed };
  };
  const streams =
    groups === undefined
      ? await demultiplex(sources, names, auditorOf, { ...told, ...shown, kept })
      : await verifyFiles(options, groups, auditorOf, { ...told, alone: ignored.manifests }, book, kept, again);
  checkLinks(streams, indexes);
  const isNamed = ({ origin }: ManifestAlone): boolean =>
    namesStream(patternsOf(options), origin, options.continued ?? false);
  const missing = checkManifestsAlone(streams, ignored.manifests.filter(isNamed)).map(({ origin, findings }) =>
    emptyReport(origin, findings, []),
  );
  const reports = streams.map(({ facts, findings }) => streamReport(facts, findings, options.strict ?? false));
  const unnamed = groups?.get(undefined) ?? (groups === undefined ? untold(sources, reports) : []);
  // of a pipe its beginning alone was looked at
  const isNothing = ({ source, peek: { empty, blank } }: PeekedSource): boolean =>
    source.repeatable && (empty || blank === true);
  for (const { source } of unnamed.filter(isNothing)) ignored.add(source.name, 'empty');
  const unclaimed = unnamed.filter((file) => !isNothing(file));
  const others = unclaimed.length > 0 ? [unclaimedReport(unclaimed, patternsOf(options))] : [];
  const isMissed = (origin: string): boolean => options.part !== true || patternsOf(options).includes(origin);
  const missed = new Map([...heldSizes].filter(([origin]) => isMissed(origin)));
  const vanished = vanishedReports(missed, [...reports, ...others], { demux: options.demux, packed: ignored.packed });
  const unwrapped = options.unwrap === undefined ? undefined : { carrier: options.unwrap, beside };
  const peeks = sources.map(({ peek: one }) => one);
  const found = [...reports, ...missing, ...others, ...vanished];
  const all = [...found, ...missingReports(options, found, peeks, ignored.manifests)];
  const result = wholeReport(all, ignored.report, { unwrapped });
  const seen = reports.flatMap(({ origin, firstSeq: from, firstCheckpoint: first, checkpoint: newest }) =>
    first === undefined || newest === undefined ? [] : [{ origin, first, newest, from }],
  );
  // what was read before, who gave it reads again
  const unrecorded = outside === undefined && streams.some(({ findings }) => findings.count('ERASED_UNRECORDED') > 0);
  const more = unrecorded && { unrecordedAt: book.size };
  return { result, ok: result.verdict === 'ok', seen, recorded: book, ...more };
}
