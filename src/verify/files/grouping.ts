import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { isOrigin, tagOf } from '../../format/origin.ts';
import type { VerifyOptions } from '../auditor/options.ts';
import { coversOrigin } from '../auditor/origin-pattern.ts';
import type { Peek, PeekedSource, Wanted } from '../input/peek.ts';
import { type FindingCode, Findings } from '../model/findings.ts';
import type { ManifestAlone } from '../verdict/ignored-files.ts';
import { emptyReport, type StreamReport } from '../verdict/report.ts';

/** Which file belongs to which of the streams that the auditor names. */

/** The streams that the auditor names. @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID` */
export function patternsOf({
  origin,
  policy,
}: {
  readonly origin?: VerifyOptions['origin'] | undefined;
  readonly policy?: VerifyOptions['policy'] | undefined;
}): string[] {
  const given = origin === undefined ? [] : typeof origin === 'string' ? [origin] : [...origin];
  const patterns = given.length > 0 ? given : (policy?.streams.map((stream) => stream.origin) ?? []);
  if (patterns.length === 0) {
    throw new TamperError('USAGE', 'name the stream to verify with --origin', {
      hint: 'In code: origin; or in a policy. A verifier that takes the name from the log can be misled.',
    });
  }
  for (const pattern of patterns) {
    if (!isOrigin(pattern.endsWith('*') ? `${pattern.slice(0, -1)}x` : pattern)) {
      throw new TamperError('ORIGIN_INVALID', `${JSON.stringify(pattern)} cannot name a stream`);
    }
  }
  return patterns;
}

/** The names of streams that a writer begins in place of another one: `<origin>/<UTC time>-<8 hex>` (spec 6). */
const CONTINUED = /^\/\d{8}T\d{6}Z-[0-9a-f]{8}$/;

/** Whether the auditor's names cover a stream; `continued`: a stream begun in place of a named one is named too. */
export function namesStream(patterns: readonly string[], origin: string, continued: boolean): boolean {
  return patterns.some(
    (pattern) =>
      coversOrigin(pattern, origin) ||
      (continued && origin.startsWith(pattern) && CONTINUED.test(origin.slice(pattern.length))),
  );
}

/** The origin that an open claims, where one of the names covers it and its TAG is that of the entry. */
export function claimedOrigin(
  patterns: readonly string[],
  { tag, origin }: Pick<Peek, 'tag' | 'origin'>,
  continued = false,
): string | undefined {
  return origin !== undefined && tagOf(origin) === tag && namesStream(patterns, origin, continued) ? origin : undefined;
}

/** The streams that are named, by their TAG: those that the auditor names in full, and those that an open in the files claims to be. */
export function originsByTag(
  patterns: readonly string[],
  peeks: readonly Pick<Peek, 'tag' | 'origin'>[],
  continued = false,
): Map<string, string> {
  const claimed = peeks.flatMap((peek) => claimedOrigin(patterns, peek, continued) ?? []);
  const exact = patterns.filter((pattern) => !pattern.endsWith('*'));
  return new Map([...claimed, ...exact].map((origin) => [tagOf(origin), origin]));
}

/** What makes a file one of a stream that the auditor names, as long as nothing but the names is known. */
export function wantedBy(patterns: readonly string[], continued = false): Wanted {
  const exact = patterns.filter((pattern) => !pattern.endsWith('*'));
  const covers = (origin: string): boolean => namesStream(patterns, origin, continued);
  return { tags: new Set(exact.map(tagOf)), ...((continued || exact.length < patterns.length) && { covers }) };
}

/**
 * Files by the stream they belong to (M8.2); those of no named stream under undefined.
 *
 * @param names - what the auditor names, and the streams of which a checkpoint is held
 * @param owners - of files without entries those of which it is known by what stands beside them
 */
export function groupByOrigin(
  names: readonly string[],
  files: readonly PeekedSource[],
  options: VerifyOptions,
  owners: ReadonlyMap<PeekedSource, string> = new Map(),
): Map<string | undefined, PeekedSource[]> {
  const groups = new Map<string | undefined, PeekedSource[]>();
  const peeks = files.map(({ peek }) => peek);
  const byTag = originsByTag(names, peeks, options.continued);
  for (const origin of owners.values())
    if (namesStream(names, origin, options.continued ?? false)) byTag.set(tagOf(origin), origin);
  // a file in which neither entry nor checkpoint can be read is the only stream's, damaged; another stream's is not
  const [first, ...more] = patternsOf(options);
  const only = more.length === 0 && first?.endsWith('*') === false ? first : undefined;
  for (const file of files) {
    const { tag, noted, hidden } = file.peek;
    const noting = noted?.origin ?? owners.get(file);
    const own = tag ?? (noting === undefined ? undefined : tagOf(noting));
    // what cannot be read at all has no place among the others, whose reading it would end
    const alone = hidden?.unopened === true ? undefined : only;
    const origin = own === undefined ? alone : byTag.get(own);
    const group = groups.get(origin);
    if (group === undefined) groups.set(origin, [file]);
    else group.push(file);
  }
  return groups;
}

/** Files that belong to no stream that the auditor names: not verified, and said so. */
export function unclaimedReport(
  files: readonly { readonly source: Pick<PeekedSource['source'], 'name'>; readonly peek: Peek }[],
  patterns: readonly string[],
): StreamReport {
  const mayBeNamed = patterns.some((pattern) => pattern.endsWith('*'));
  const findings = new Findings();
  for (const { source, peek } of files) {
    const place = { file: source.name };
    if (peek.hidden !== undefined) findings.add(peek.hidden.code, place, peek.hidden.message);
    else if (peek.noted !== undefined) {
      const message = `this file contains only checkpoints, of a stream that you did not name (${JSON.stringify(peek.noted.origin)})`;
      findings.add('NO_KEY', place, message);
    } else if (peek.empty) findings.add('EMPTY_FILE', place, 'this file is empty');
    else if (peek.blank === true) findings.add('EMPTY_FILE', place, 'this file holds nothing but empty lines');
    else if (peek.tag === undefined) findings.add('NOT_SEALED', place, 'no line of this file was ever sealed');
    else {
      const stream = `a stream (tag ${peek.tag})`;
      const message =
        mayBeNamed && peek.origin === undefined
          ? `this file is of ${stream} whose first entry is not here, so nobody knows its name; name it in full if it is one of yours`
          : `this file belongs to ${stream} that you did not name`;
      findings.add('NO_KEY', place, message);
    }
  }
  return emptyReport(
    '',
    findings,
    files.map(({ source }) => source.name),
  );
}

/** The largest size of which the auditor holds a checkpoint, of each named stream: it was there once (M8.5). */
export function heldSizesOf(options: VerifyOptions, notes: readonly string[]): Map<string, number> {
  const patterns = patternsOf(options);
  const heldByPolicy = options.policy?.streams.flatMap((stream) => stream.pins) ?? [];
  const sizes = new Map<string, number>();
  for (const note of [...notes, ...heldByPolicy]) {
    const held = parseSignedCheckpoint(note);
    if (held === undefined || !namesStream(patterns, held.origin, options.continued ?? false)) continue;
    sizes.set(held.origin, Math.max(held.size, sizes.get(held.origin) ?? 0));
  }
  return sizes;
}

/** What keeps entries from being read that a file of no stream may hold, or one in which streams are mixed (M8.5). */
const HIDING: ReadonlySet<string> = new Set<FindingCode>(['UNREADABLE', 'RESERIALIZED', 'LIMIT']);

/** The files that may hold entries of a stream of which none was read; of files that belong to a stream only mixed ones may. */
function hidingFiles(reports: readonly StreamReport[], demux = false): string[] {
  const mayHoldOthers = reports.filter(({ origin }) => origin === '' || demux);
  return mayHoldOthers.flatMap(({ findings }) =>
    findings.flatMap(({ code, file = 'a file' }) => (HIDING.has(code) ? [file] : [])),
  );
}

/**
 * Streams of which the auditor holds a checkpoint and of which no entry is here: they were there once (M8.5).
 *
 * @param reports - of the streams that are here, and of the files that belong to none
 * @param packed - a file that was left out because it is not unpacked
 */
export function vanishedReports(
  sizes: ReadonlyMap<string, number>,
  reports: readonly StreamReport[],
  { demux, packed }: { readonly demux?: boolean | undefined; readonly packed?: string | undefined } = {},
): StreamReport[] {
  const [unread] = hidingFiles(reports, demux);
  const hiding = unread === undefined ? packed && `${packed} is not unpacked` : `${unread} could not be read`;
  const there = new Set(reports.map(({ origin }) => origin));
  const gone = [...sizes].filter(([origin]) => !there.has(origin));
  return gone.map(([origin, size]) => {
    const findings = new Findings();
    const held = `you hold a checkpoint of ${size} entries of this stream, but`;
    if (hiding === undefined) {
      const message = `${held} none of its files is here: they were deleted, or not handed over`;
      findings.add('KNOWN_CONTRADICTED', {}, message);
    } else findings.add('END_UNPROVEN', {}, `${held} no entry of it was found, and ${hiding}`);
    return emptyReport(origin, findings, []);
  });
}

/** Streams that were named and of which nothing is here; `peeks` is what is here. */
export function missingReports(
  options: VerifyOptions,
  reports: readonly StreamReport[],
  peeks: readonly Pick<Peek, 'tag' | 'origin'>[],
  manifests: readonly ManifestAlone[] = [],
): StreamReport[] {
  const demands = new Map(patternsOf(options).map((pattern) => [pattern, 1]));
  for (const { origin, min } of options.policy?.streams ?? []) if (demands.has(origin)) demands.set(origin, min);
  const [hiding] = hidingFiles(reports, options.demux);
  const missing: StreamReport[] = [];
  for (const [pattern, min] of demands) {
    // an erasure log is none of the logs that a wildcard asks for
    const isOther = (origin: string): boolean =>
      origin !== pattern && options.policy?.erasures?.includes(origin) === true;
    const there = reports.filter(
      ({ origin }) => origin !== '' && coversOrigin(pattern, origin) && !isOther(origin),
    ).length;
    if (there >= min) continue;
    const findings = new Findings();
    const toldOf = manifests.some(({ origin }) => coversOrigin(pattern, origin)) ? ', only manifests of its files' : '';
    const what =
      there > 0
        ? `only ${there} of at least ${min} streams named ${pattern} ${there === 1 ? 'is' : 'are'} here`
        : hiding === undefined
          ? `no stream named ${pattern} is here${toldOf}${didYouMean(pattern, peeks)}`
          : `no entry of a stream named ${pattern} was found, but ${hiding} could not be read`;
    findings.add('END_UNPROVEN', {}, what);
    missing.push(emptyReport(pattern, findings, []));
  }
  return missing;
}

/** How much of two names is the same, from both ends: all but the one place where most slips are. */
function likeness(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  let before = 0;
  while (before < length && one[before] === other[before]) before++;
  let after = 0;
  while (after < length - before && one.at(-1 - after) === other.at(-1 - after)) after++;
  return (before + after) / Math.max(one.length, other.length);
}

/**
 * What is said where a stream that the auditor named is not there, perhaps because its name is misspelt: the stream that the
 * files claim to be of, as a question; nothing of it is trusted. Empty where they claim none.
 */
function didYouMean(pattern: string, peeks: readonly Pick<Peek, 'tag' | 'origin'>[]): string {
  const claimed = peeks.flatMap(({ tag, origin }) => (origin !== undefined && tagOf(origin) === tag ? [origin] : []));
  const [best] = [...new Set(claimed)].sort((a, b) => likeness(pattern, b) - likeness(pattern, a));
  if (best !== undefined) return `; did you mean ${best}?`;
  const tags = [...new Set(peeks.flatMap(({ tag }) => tag ?? []))];
  return tags.length === 0 ? '' : `; the files belong to streams with the tags ${tags.slice(0, 5).join(', ')}`;
}
