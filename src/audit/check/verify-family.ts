import { Deleted } from '../../foundation/file-identity.ts';
import { DEFAULT_ACCEPTANCE, type Elsewhere } from '../../verify/auditor/auditor.ts';
import type { VerifyOptions } from '../../verify/auditor/options.ts';
import type { Finding } from '../../verify/model/findings.ts';
import type { StreamReport, Verdict } from '../../verify/verdict/report.ts';
import { verifyAmong } from '../../verify/verify.ts';
import { sizeOf } from '../memory/remembered.ts';
import type { LogPlace } from '../place/log-place.ts';
import type { RecordedNow } from './erasure-logs.ts';
import type { StreamFile, StreamLook } from './family-look.ts';
import { FamilyReading, type ReadFile } from './family-reading.ts';
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
  /** The files that were read, by their names. */
  readonly files: ReadonlyMap<string, ReadFile>;
}

/** What a family is verified with. */
export interface FamilyRules {
  readonly options: StreamOptions;
  readonly places: readonly LogPlace[];
  readonly mayBeGoneBefore: number | undefined;
  /** What erasure logs record of these streams. */
  readonly recorded: RecordedNow;
  /** Another file that may hold their missing entries. */
  readonly elsewhere?: Elsewhere | undefined;
  /** Told how far the verifier is; what the options say is told otherwise. */
  readonly onProgress?: VerifyOptions['onProgress'];
}

/** A stream that is verified, and which of its files. */
interface Part {
  readonly look: StreamLook;
  readonly files: readonly StreamFile[];
  /** The first entry that is read; undefined: all of it. */
  readonly from: number | undefined;
}

/** What a plan for a stream goes by. */
function rulesOf(origin: string, rules: FamilyRules, reread: boolean): PlanRules {
  const { options, mayBeGoneBefore, recorded } = rules;
  const basis = recorded.basisOf(origin, options.basisOf(origin));
  return { basis, asksTime: options.asksTime(origin), mayBeGoneBefore, reread };
}

/**
 * Verifies what has to be, by origin; a stream that is not in the result has nothing new. If a part is not ok, all of it is
 * verified: only that says what is wrong. If a part holds a checkpoint of entries before it that was never checked, as happens
 * while signatures take their time, more is verified until it has been.
 *
 * @throws {@link TamperError} as `verify`; {@link Replaced}, {@link Deleted} where a file is another one by then
 */
export async function verifyFamily(
  looks: readonly StreamLook[],
  rules: FamilyRules,
  reread: boolean,
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const there = looks.filter(({ files }) => files.length > 0);
  const verified = await verifyWhatHasTo(there, rules, reread);
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
  reread: boolean,
): Promise<ReadonlyMap<string, VerifiedStream>> {
  const whole = there.map((look): Part => ({ look, files: look.files, from: undefined }));
  const checkpointOf = new Map<string, number>();
  for (;;) {
    const parts = partsOf(there, rules, { checkpointOf, reread });
    if (parts.size === 0) return new Map();
    if (parts.size === there.length && [...parts.values()].every(({ from }) => from === undefined)) {
      return verifyParts(whole, rules);
    }
    const verified = await verifyParts([...parts.values()], rules);
    const isOk = ([origin, one]: [string, VerifiedStream]): boolean =>
      one.verdict === 'ok' && keepsLimits(parts.get(origin), one, rules);
    if (![...verified].every(isOk)) return verifyParts(whole, rules);
    const below = [...verified].flatMap(([origin, { files }]) => {
      const size = uncheckedBelow(parts.get(origin), files);
      return size === undefined ? [] : [[origin, size] as const];
    });
    if (below.length === 0) return verified;
    for (const [origin, size] of below) checkpointOf.set(origin, size);
  }
}

/** The smallest size below a part of which it holds a checkpoint that was not checked when its stream was ok. */
function uncheckedBelow(part: Part | undefined, files: VerifiedStream['files']): number | undefined {
  if (part?.from === undefined) return undefined;
  const { from, look } = part;
  const checked = new Set(look.remembered?.files.flatMap(({ earlier = [] }) => earlier));
  const sizes = [...files.values()].flatMap(({ earlier }) =>
    earlier.flatMap(({ size, digest }) => (size < from && !checked.has(digest) ? [size] : [])),
  );
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

/** What of each stream is verified. Streams that cite one another are verified together (M8.28). */
function partsOf(
  looks: readonly StreamLook[],
  rules: FamilyRules,
  { checkpointOf, reread }: { readonly checkpointOf: ReadonlyMap<string, number>; readonly reread: boolean },
): Map<string, Part> {
  const byOrigin = new Map(looks.map((look) => [look.origin, look]));
  const parts = new Map<string, Part>();
  const isDistrusted = (look: StreamLook, always: boolean): boolean => {
    const { continuedBy } = look.remembered ?? {};
    const reasons = { always, checkpointOf: checkpointOf.get(look.origin) };
    const isBroken = continuedBy !== undefined && !byOrigin.has(continuedBy);
    const plan = isBroken ? DISTRUSTED : planOf(look, rulesOf(look.origin, rules, reread), reasons);
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
  const reading = new FamilyReading(
    parts.flatMap((part) => part.files),
    rules.places,
  );
  const fromMiddle = parts.some(({ from }) => from !== undefined);
  const { onProgress } = rules;
  const given = { ...reading.given, ...(onProgress !== undefined && { onProgress }) };
  const { streams } = await verifyAmong({ ...options.of(origins, fromMiddle, held), ...given }, rules);
  const reports = new Map(streams.map((report) => [report.origin, report]));
  // whatever the verifier says of files that it could not give to one of these streams counts against all of them
  const beside = streams.filter(({ origin }) => origin === '').flatMap(({ findings }) => findings);
  const verified = new Map<string, VerifiedStream>();
  for (const { look, files: own, from } of parts) {
    const report = reports.get(look.origin);
    if (report === undefined) throw new Deleted(`no file of ${look.origin} is there any more`);
    const ownFindings = from === undefined ? [...report.findings, ...cutOff(look, report, rules)] : ofMiddle(report);
    const findings = [...ownFindings, ...beside, ...(report.lastSeq === 0 ? [withoutEntries(look)] : [])];
    const read = { files: own.length, bytes: own.reduce((sum, { size }) => sum + size, 0) };
    const verdict = verdictOf(findings, options.strict);
    const files = new Map(own.map((file) => [file.name, reading.fileRead(file)]));
    verified.set(look.origin, {
      verdict,
      report: { ...report, findings },
      fromMiddle: from !== undefined,
      read,
      files,
    });
  }
  return verified;
}

/** A stream of empty files is not ok, however its log may end. */
function withoutEntries({ origin }: StreamLook): Finding {
  return { code: 'END_UNPROVEN', severity: 'undecided', message: `no file of ${origin} holds an entry` };
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
  { options, recorded }: FamilyRules,
): boolean {
  const before = part?.look.remembered;
  if (!fromMiddle || before === undefined) return true;
  const accept = options.policyOf(report.origin)?.accept ?? DEFAULT_ACCEPTANCE;
  const { adopted, abandoned, dropped } = countsOf(report, before);
  // what was ok before with the same recorded erasures was erased as they say (R2.4)
  const erased = recorded.within(report.origin, before.firstSeq, report.lastSeq).length;
  if (erased > accept.erased) return false;
  return adopted <= accept.adopted && abandoned <= accept.abandoned && dropped <= accept.dropped;
}

function verdictOf(findings: readonly Finding[], strict: boolean): Verdict {
  if (findings.some(({ severity }) => severity === 'tampered')) return 'tampered';
  if (findings.some(({ severity }) => severity === 'undecided')) return 'undecided';
  return strict && findings.length > 0 ? 'undecided' : 'ok';
}
