import { Deleted } from '../../foundation/file-identity.ts';
import { DEFAULT_ACCEPTANCE } from '../../verify/auditor/auditor.ts';
import type { VerifyOptions } from '../../verify/auditor/options.ts';
import type { Finding } from '../../verify/model/findings.ts';
import type { StreamReport, Verdict } from '../../verify/verdict/report.ts';
import { verify } from '../../verify/verify.ts';
import { sizeOf } from '../memory/remembered.ts';
import type { FilesToVerify, LogPlace, PlacedFile } from '../place/log-place.ts';
import type { StreamFile, StreamLook } from './family-look.ts';
import { DISTRUSTED, isExpired, type PlanRules, planOf } from './plan.ts';
import { countsOf } from './remember.ts';
import type { StreamOptions } from './stream-options.ts';
import type { StreamReading } from './stream-result.ts';

/** The streams of a family, verified as far as they have to be. */

/** What the verifier said of one stream. */
export interface VerifiedStream {
  readonly verdict: Verdict;
  readonly report: StreamReport;
  readonly fromMiddle: boolean;
  readonly read: StreamReading;
}

/** What a family is verified with. */
export interface FamilyRules {
  readonly options: StreamOptions;
  readonly places: readonly LogPlace[];
  readonly mayBeGoneBefore: number | undefined;
}

/** A stream that is verified, and which of its files. */
interface Part {
  readonly look: StreamLook;
  readonly files: readonly StreamFile[];
  /** The first entry that is read; undefined: all of it. */
  readonly from: number | undefined;
}

/** What a plan for a stream goes by. */
export function rulesOf(origin: string, { options, mayBeGoneBefore }: FamilyRules): PlanRules {
  return { basis: options.basisOf(origin), asksTime: options.asksTime(origin), mayBeGoneBefore };
}

/**
 * Verifies what has to be, by origin; a stream that is not in the result has nothing new. Where a part is not ok, all of it is
 * verified: only that says what is wrong. Where a part holds a checkpoint of entries before it, as signatures that take their
 * time do, more is verified until that one has been checked.
 *
 * @throws {@link TamperError} as `verify`; {@link Replaced}, {@link Deleted} where a file is another one by then
 */
export async function verifyFamily(
  looks: readonly StreamLook[],
  rules: FamilyRules,
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const there = looks.filter(({ files }) => files.length > 0);
  const verified = await verifyWhatHasTo(there, rules);
  return there.some(({ remembered }) => remembered?.seen !== undefined) ? withSeen(there, verified, rules) : verified;
}

/**
 * Adds what only a checkpoint shows that verified while its stream was undecided. As a held one it would prove what was in doubt
 * then, so it is held in a verification of its own, of which nothing else counts.
 */
async function withSeen(
  looks: readonly StreamLook[],
  verified: ReadonlyMap<string, VerifiedStream>,
  rules: FamilyRules,
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const held = looks.flatMap(({ remembered }) => remembered?.seen ?? []);
  const whole = looks.map((look): Part => ({ look, files: look.files, from: undefined }));
  const bySeen = await verifyParts(whole, rules, held);
  const isContradiction = ({ code }: Finding): boolean => code === 'KNOWN_CONTRADICTED';
  return new Map(
    [...verified].map(([origin, one]) => {
      const contradictions = bySeen.get(origin)?.report.findings.filter(isContradiction) ?? [];
      if (one.report.findings.some(isContradiction) || contradictions.length === 0) return [origin, one];
      const findings = [...one.report.findings, ...contradictions];
      const verdict = verdictOf(findings, rules.options.strict);
      return [origin, { ...one, verdict, report: { ...one.report, findings } }];
    }),
  );
}

async function verifyWhatHasTo(
  there: readonly StreamLook[],
  rules: FamilyRules,
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const whole = there.map((look): Part => ({ look, files: look.files, from: undefined }));
  const checkpointOf = new Map<string, number>();
  for (;;) {
    const parts = partsOf(there, rules, checkpointOf);
    if (parts.size === 0) return new Map();
    if (parts.size === there.length && [...parts.values()].every(({ from }) => from === undefined)) {
      return verifyParts(whole, rules);
    }
    const verified = await verifyParts([...parts.values()], rules);
    const isOk = ([origin, one]: [string, VerifiedStream]): boolean =>
      one.verdict === 'ok' && keepsLimits(parts.get(origin), one, rules);
    if (![...verified].every(isOk)) return verifyParts(whole, rules);
    const below = [...verified].flatMap(([origin, { report }]) => {
      const { smallest = Number.POSITIVE_INFINITY } = report.skippedCheckpoints ?? {};
      return smallest < (parts.get(origin)?.from ?? 0) ? [[origin, smallest] as const] : [];
    });
    if (below.length === 0) return verified;
    for (const [origin, size] of below) checkpointOf.set(origin, size);
  }
}

/** What of each stream is verified. Streams that cite one another are verified together (M8.28). */
function partsOf(
  looks: readonly StreamLook[],
  rules: FamilyRules,
  checkpointOf: ReadonlyMap<string, number>,
): Map<string, Part> {
  const byOrigin = new Map(looks.map((look) => [look.origin, look]));
  const parts = new Map<string, Part>();
  const isDistrusted = (look: StreamLook, always: boolean): boolean => {
    const { continuedBy } = look.remembered ?? {};
    const reasons = { always, checkpointOf: checkpointOf.get(look.origin) };
    const isBroken = continuedBy !== undefined && !byOrigin.has(continuedBy);
    const plan = isBroken ? DISTRUSTED : planOf(look, rulesOf(look.origin, rules), reasons);
    if (plan.what === 'nothing') return false;
    const isPart = plan.what === 'added';
    parts.set(look.origin, { look, files: isPart ? plan.files : look.files, from: isPart ? plan.from : undefined });
    const cited = citedBy(look).flatMap((origin) => (parts.has(origin) ? [] : (byOrigin.get(origin) ?? [])));
    return (!isPart && plan.distrusted) || cited.some((other) => isDistrusted(other, true));
  };
  if (looks.some((look) => !parts.has(look.origin) && isDistrusted(look, false))) {
    return new Map(looks.map((look) => [look.origin, { look, files: look.files, from: undefined }]));
  }
  return parts;
}

function citedBy({ remembered, files }: StreamLook): string[] {
  if (remembered !== undefined) return remembered.continuedBy === undefined ? [] : [remembered.continuedBy];
  return files.flatMap(({ after }) => after?.origin ?? []);
}

async function verifyParts(
  parts: readonly Part[],
  rules: FamilyRules,
  more: readonly string[] = [],
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const { options } = rules;
  const held = [...parts.flatMap((part) => heldFor(part, rules)), ...more];
  const origins = parts.map(({ look }) => look.origin);
  const files = parts.flatMap((part) => part.files);
  const fromMiddle = parts.some(({ from }) => from !== undefined);
  const { streams } = await verify({ ...options.of(origins, fromMiddle, held), ...filesToVerify(files, rules.places) });
  const reports = new Map(streams.map((report) => [report.origin, report]));
  // whatever the verifier says of files that it could not give to one of these streams counts against all of them
  const beside = streams.filter(({ origin }) => origin === '').flatMap(({ findings }) => findings);
  const verified = new Map<string, VerifiedStream>();
  for (const { look, files: own, from } of parts) {
    const report = reports.get(look.origin);
    if (report === undefined) throw new Deleted(`no file of ${look.origin} is there any more`);
    const ownFindings = from === undefined ? [...report.findings, ...cutOff(look, report, rules)] : ofMiddle(report);
    const findings = [...ownFindings, ...beside];
    const read = { files: own.length, bytes: own.reduce((sum, { size }) => sum + size, 0) };
    const verdict = verdictOf(findings, options.strict);
    verified.set(look.origin, { verdict, report: { ...report, findings }, fromMiddle: from !== undefined, read });
  }
  return verified;
}

/** That a held checkpoint proves the beginning of a part is how parts are verified. */
function ofMiddle({ findings }: StreamReport): Finding[] {
  return findings.filter(({ code }) => code !== 'START_HELD');
}

/** A log that begins later than it did, though no retention was named that deletes what is missing. */
function cutOff(look: StreamLook, report: StreamReport, { mayBeGoneBefore }: FamilyRules): Finding[] {
  const before = look.remembered?.firstSeq ?? 0;
  const isSaid = report.findings.some(({ code }) => code === 'START_UNPROVEN');
  if (before === 0 || report.firstSeq <= before || isSaid || isExpired(look, mayBeGoneBefore)) return [];
  const message = `the log begins at entry ${report.firstSeq}; it began at entry ${before} when it was checked before`;
  return [{ code: 'START_UNPROVEN', severity: 'undecided', message, seq: report.firstSeq }];
}

/** The files for the verifier, each from the place that has it. */
function filesToVerify(files: readonly PlacedFile[], places: readonly LogPlace[]): FilesToVerify {
  const byPlace = new Map<LogPlace, PlacedFile[]>();
  for (const file of files) {
    const place = places.find((one) => one.holds(file.name));
    if (place === undefined) continue; // it is of a place that is named no more, and so not here
    const own = byPlace.get(place);
    if (own === undefined) byPlace.set(place, [file]);
    else own.push(file);
  }
  const given = [...byPlace].map(([place, own]) => place.toVerify(own));
  const stored: NonNullable<VerifyOptions['stored']> = given.flatMap((one) => one.stored ?? []);
  return { paths: given.flatMap(({ paths }) => paths), stored };
}

/**
 * What is held of a stream while it is verified. Where it begins in the middle, only what is not below that: of entries that are
 * left out, or that a retention has deleted, the newest checkpoint speaks.
 */
function heldFor({ look, from }: Part, { options, mayBeGoneBefore }: FamilyRules): string[] {
  const { origin, remembered, files } = look;
  const given = options.heldOf(origin);
  const own = [remembered?.first, remembered?.newest].flatMap((note) => note ?? []);
  const all = [...new Set([...given, ...own])];
  const begins =
    from ?? (isExpired(look, mayBeGoneBefore) ? Math.min(...files.map(({ firstSeq = 1 }) => firstSeq)) : 1);
  return all.filter((note) => sizeOf(note) >= begins - 1);
}

/** Whether what a policy limits stays within it, with what was seen before. */
function keepsLimits(
  part: Part | undefined,
  { report, fromMiddle }: VerifiedStream,
  { options }: FamilyRules,
): boolean {
  const before = part?.look.remembered;
  if (!fromMiddle || before === undefined) return true;
  const accept = options.policyOf(report.origin)?.accept ?? DEFAULT_ACCEPTANCE;
  const { adopted, abandoned, dropped } = countsOf(report, before);
  return adopted <= accept.adopted && abandoned <= accept.abandoned && dropped <= accept.dropped;
}

function verdictOf(findings: readonly Finding[], strict: boolean): Verdict {
  if (findings.some(({ severity }) => severity === 'tampered')) return 'tampered';
  if (findings.some(({ severity }) => severity === 'undecided')) return 'undecided';
  return strict && findings.length > 0 ? 'undecided' : 'ok';
}
