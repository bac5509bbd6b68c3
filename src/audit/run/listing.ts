import { unclaimedReport } from '../../verify/files/grouping.ts';
import type { IgnoredReport } from '../../verify/verdict/ignored-files.ts';
import type { FamilyJob } from '../check/audit-family.ts';
import type { FamilyFile } from '../check/family-look.ts';
import { emptyResult, unreadResult } from '../check/results.ts';
import type { StreamOptions } from '../check/stream-options.ts';
import { type AuditFinding, type StreamResult, shownFindings } from '../check/stream-result.ts';
import type { AuditMemory } from '../memory/audit-memory.ts';
import { familyId, familyOf } from '../memory/family.ts';
import { MemoryIndex } from '../memory/memory-index.ts';
import type { LogPlace } from '../place/log-place.ts';
import { Discoverer, type Discovery, elsewhereOf, type UnclaimedFile } from './discover.ts';
import { dueFamilies, type Rereading } from './due.ts';
import { isInShard, type Shard } from './shard.ts';
import { missingResult } from './summary.ts';

/** What is there and what is remembered, and what that says by itself. */

/** A first look at all places. */
export interface StreamListing {
  /** Every family of the part that is there or remembered. */
  readonly families: readonly string[];
  /** The job of one of them, which may be asked for once. */
  readonly jobOf: (family: string) => FamilyJob;
  /** The files of a family whose job was not asked for yet. */
  readonly filesOf: (family: string) => readonly FamilyFile[];
  /** What is known before any stream is verified: memories and files that cannot be read, files of no stream, streams that are not there. */
  readonly results: readonly StreamResult[];
  readonly ignored: IgnoredReport;
  /** For the next looks. */
  readonly discoverer: Discoverer;
}

/** So many files of no stream are named. */
const SHOWN_FILES = 100;

/** What is listed. */
interface StreamsToList extends Rereading {
  readonly places: readonly LogPlace[];
  readonly memory: AuditMemory;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
  readonly onRemembered?: (streams: number) => void;
}

/** Lists all places. @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`, what a storage throws */
export async function listStreams(
  { places, memory, signal, now, onRemembered, ...rereading }: StreamsToList,
  options: StreamOptions,
  shard: Shard,
): Promise<StreamListing> {
  // before the listing: what is remembered then was there when the listing began
  const index = await MemoryIndex.read(memory, (origin) => options.names(origin));
  onRemembered?.(index.families.size + index.damaged.size);
  const discoverer = new Discoverer(places, options, index, signal);
  const discovery = await discoverer.look();
  await memory.prepare(); // nothing is made where the places are wrong
  // what is held of a stream is missed also where nobody has audited it yet
  const all = new Set([...discovery.families.keys(), ...index.families.keys(), ...options.held.keys()]);
  const results = [
    ...(shard.index === 0
      ? [...resultsOfFiles(discovery, index, options.patterns), ...emptyPlaces(places, discovery, index)]
      : []),
    ...missingResults(all, options).filter(({ stream }) => isInShard(familyOf(stream), shard)),
  ];
  const files = new Map(discovery.families);
  const jobOf = (family: string): FamilyJob => {
    const own = files.get(family) ?? [];
    files.delete(family); // there may be very many
    const reread = due.has(family);
    return {
      family,
      files: own,
      memoryVersion: index.families.get(family)?.version,
      elsewhere: elsewhereOf(discovery, family),
      manifests: discovery.manifests.get(family),
      ...(reread && { reread }),
    };
  };
  const families = [...all].filter((family) => isInShard(family, shard));
  const remembered = families.flatMap((family) => index.families.get(family) ?? []);
  const due = dueFamilies(remembered, now, rereading);
  const filesOf = (family: string): readonly FamilyFile[] => files.get(family) ?? [];
  return { families, jobOf, filesOf, results, ignored: discovery.ignored, discoverer };
}

function resultsOfFiles(
  { families, unclaimed, unread }: Discovery,
  { damaged }: MemoryIndex,
  patterns: readonly string[],
): StreamResult[] {
  const there = new Set([...families.keys()].map(familyId)); // of these it is said when they are audited
  const unremembered = [...damaged].filter(([id]) => !there.has(id));
  const unreadable = unread.filter((file) => file.unread !== undefined);
  const restless = unread.filter((file) => file.unread === undefined).map(({ name }) => name);
  return [
    ...unremembered.map(([, error]) => emptyResult('', 0, error)),
    ...(unreadable.length > 0 ? [unreadResult('', unreadable)] : []),
    ...(restless.length > 0 ? [restlessResult(restless)] : []),
    ...(unclaimed.length > 0 ? [unclaimedResult(unclaimed, patterns)] : []),
  ];
}

/**
 * Places without any log, such as a directory that was not mounted; not one of which something is remembered: those streams are
 * missed by themselves, or may be gone. If there is one place, that no stream is there says it.
 */
function emptyPlaces(places: readonly LogPlace[], { empty }: Discovery, { files }: MemoryIndex): StreamResult[] {
  if (places.length === 1) return [];
  const remembered = [...files.keys()];
  const findings = empty
    .filter((place) => !remembered.some((name) => place.holds(name)))
    .map(({ name }): AuditFinding => {
      const message = 'no log is here: if that is so on purpose, do not name this place';
      return { code: 'END_UNPROVEN', severity: 'undecided', message, file: name };
    });
  if (findings.length === 0) return [];
  return [{ ...emptyResult('', 0, undefined), result: 'missing', ...shownFindings(findings, 0) }];
}

/** Streams that are named and are not there. Of names with `*` only all results together know. */
function missingResults(families: ReadonlySet<string>, options: StreamOptions): StreamResult[] {
  return options.patterns
    .filter((name) => !name.endsWith('*') && !families.has(familyOf(name)) && options.policyOf(name)?.min !== 0)
    .map((name) => missingResult({ name, min: 1, streams: 0 }));
}

function restlessResult(files: readonly string[]): StreamResult {
  const message = 'this file is replaced faster than it can be read';
  const findings = files
    .slice(0, SHOWN_FILES)
    .map((file): AuditFinding => ({ code: 'REPLACED', severity: 'undecided', message, file }));
  return {
    ...emptyResult('', files.length, undefined),
    result: 'replaced',
    ...shownFindings(findings, files.length - findings.length),
  };
}

function unclaimedResult(files: readonly UnclaimedFile[], patterns: readonly string[]): StreamResult {
  const { findings } = unclaimedReport(
    files.slice(0, SHOWN_FILES).map(({ file, peek }) => ({ source: { name: file }, peek })),
    patterns,
  );
  return {
    ...emptyResult('', files.length, undefined),
    result: 'unclaimed',
    ...shownFindings(findings, Math.max(0, files.length - SHOWN_FILES)),
  };
}
