import { isTamperError, TamperError } from '../../errors.ts';
import { Deleted, isGone } from '../../foundation/file-identity.ts';
import { UnreadableObject } from '../../storage/read-range.ts';
import type { Elsewhere } from '../../verify/auditor/auditor.ts';
import type { ManifestAlone } from '../../verify/verdict/ignored-files.ts';
import type { AuditMemory, StoredText } from '../memory/audit-memory.ts';
import { familyId } from '../memory/family.ts';
import {
  formatRemembered,
  parseRemembered,
  type RememberedFamily,
  type RememberedStream,
  sizeOf,
} from '../memory/remembered.ts';
import { settling } from '../place/standing.ts';
import type { ErasureLogs, RecordedNow } from './erasure-logs.ts';
import { type FamilyFile, isRemembered as isFileRemembered, lookAtFamily, type StreamLook } from './family-look.ts';
import { isSameLook, lookAgain } from './look-again.ts';
import { isExpired } from './plan.ts';
import { rememberStream } from './remember.ts';
import { emptyResult, resultOf, unreadResult, vanishedResult, withMissing } from './results.ts';
import { type AuditFinding, formatResults, parseResults, type StreamResult } from './stream-result.ts';
import { type FamilyRules, type VerifiedStream, verifyFamily } from './verify-family.ts';

/**
 * One job of an audit: a family of streams, from what is remembered to what is remembered next. It needs nothing of any other
 * job, so that jobs may run in any order, on any machine, and more than once.
 */

/** A family to be audited. It can be sent as JSON. */
export interface FamilyJob {
  readonly family: string;
  readonly files: readonly FamilyFile[];
  /** The version of what was remembered before the files were listed; absent where nothing was. */
  readonly memoryVersion?: string | undefined;
  /** Another file that may hold its missing entries. */
  readonly elsewhere?: Elsewhere | undefined;
  /** Manifests whose files were not there. */
  readonly manifests?: readonly ManifestAlone[] | undefined;
  /** Whether all files are read again, whether they have changed or not. */
  readonly reread?: boolean | undefined;
  /** The digest of the job of a queue: what was remembered for one is said again if the same one is done once more. */
  readonly queued?: string | undefined;
}

/** What every job of an audit goes by. */
export interface AuditRules extends Omit<FamilyRules, 'recorded'> {
  readonly erasures: ErasureLogs;
  readonly memory: AuditMemory;
  readonly now: Date;
  /** A stream of which the newest proven seal is older has stopped, in milliseconds; undefined: that is not asked. */
  readonly stoppedAfterMs: number | undefined;
}

/** What was verified and is not remembered yet. */
export interface Pending {
  readonly job: FamilyJob;
  readonly stored: StoredText | undefined;
  readonly results: readonly StreamResult[];
  readonly next: RememberedFamily;
  /** What erasure logs recorded of it. */
  readonly recorded: RecordedNow;
}

/** What one look at a family came to. */
export type FamilyOutcome =
  | { readonly is: 'settled'; readonly results: readonly StreamResult[] }
  /** Something is not ok: that is only said of files which another look shows to be the same ({@link settle}). */
  | { readonly is: 'doubtful'; readonly pending: Pending }
  /** The files are others by now, or another auditor has remembered something: a listing from now on is needed. */
  | { readonly is: 'outdated'; readonly why: 'files' | 'memory'; readonly memoryVersion: string | undefined };

/** So often a family is looked at that does not come to rest. */
export const ATTEMPTS = 5;

/**
 * Audits one family whose files may be looked for beside those that are known. What cannot be decided is a result; an exception
 * is a bug.
 */
export async function auditFamily(job: FamilyJob, rules: AuditRules): Promise<readonly StreamResult[]> {
  let now = job;
  for (let attempt = 1; ; attempt++) {
    let outcome = await tryFamily(now, rules);
    if (outcome.is === 'settled') return outcome.results;
    const remembered =
      outcome.is === 'doubtful' ? outcome.pending.stored : await rules.memory.read(familyId(job.family));
    await settling(now.files);
    const before = remembered && parsed(remembered, job.family, rules);
    const { files, elsewhere = job.elsewhere } = await lookAgain(job.family, now.files, before, rules);
    if (
      outcome.is === 'doubtful' &&
      isSameLook(now, { files, elsewhere }) &&
      (await isStillUnrecorded(outcome.pending, rules))
    ) {
      outcome = await settle(outcome.pending, rules);
      if (outcome.is === 'settled') return outcome.results;
    }
    if (attempt === ATTEMPTS) return restless(now, outcome);
    now = { ...job, files, elsewhere, memoryVersion: remembered?.version };
  }
}

/** R1.3: whether what is called unrecorded is so wherever an erasure log may have gone on since it was listed. */
async function isStillUnrecorded(pending: Pending, rules: AuditRules): Promise<boolean> {
  const codes = pending.results.flatMap(({ findings }) => findings.map(({ code }) => code));
  return !codes.includes('ERASED_UNRECORDED') || isSameRecorded(pending, await rules.erasures.readEverywhere());
}

/** Whether erasure logs say of the streams what they were verified with. */
export function isSameRecorded({ recorded, results }: Pending, now: RecordedNow): boolean {
  return results.every(({ stream }) => now.saysSame(stream, recorded));
}

/** Looks at a family once. */
export async function tryFamily(job: FamilyJob, rules: AuditRules): Promise<FamilyOutcome> {
  return orFailure(job, async () => {
    if (job.files.some(({ unread }) => unread !== undefined))
      return { is: 'settled', results: [unreadResult(job.family, job.files)] };
    const stored = await rules.memory.read(familyId(job.family));
    const said = stored && saidBefore(job, stored, rules);
    if (said !== undefined) return { is: 'settled', results: said };
    // another auditor was here since the listing, and may have seen more than that shows
    if (stored?.version !== job.memoryVersion) return { is: 'outdated', why: 'memory', memoryVersion: stored?.version };
    const audited = await verified(job, stored, rules);
    if (audited === undefined) return { is: 'outdated', why: 'files', memoryVersion: stored?.version };
    const pending = { job, stored, ...audited };
    const ok = audited.results.every(({ verdict }) => verdict === 'ok');
    return ok ? settle(pending, rules) : { is: 'doubtful', pending };
  });
}

/** Remembers what was verified, and says so. */
export async function settle({ job, stored, results, next }: Pending, rules: AuditRules): Promise<FamilyOutcome> {
  return orFailure(
    job,
    async () => {
      const id = familyId(job.family);
      const { queued } = job;
      const text = formatRemembered(
        queued === undefined ? next : { ...next, run: { id: queued, results: formatResults(results) } },
      );
      const isSame = stored === undefined ? next.streams.length === 0 : isRemembered(next, stored, job.family, rules);
      if (isSame || (await rules.memory.write(id, text, stored?.version))) return { is: 'settled', results };
      return { is: 'outdated', why: 'memory', memoryVersion: (await rules.memory.read(id))?.version };
    },
    results,
  );
}

/** What is said of a family that does not come to rest. */
export function restless(job: FamilyJob, outcome: FamilyOutcome): readonly StreamResult[] {
  const byOthers = outcome.is === 'outdated' && outcome.why === 'memory';
  const message = byOthers
    ? 'other auditors change what is remembered of this stream each time'
    : 'files of this stream are replaced, renamed or deleted faster than they can be read';
  const finding: AuditFinding = { code: 'REPLACED', severity: 'undecided', message };
  return [{ ...emptyResult(job.family, job.files.length, undefined), result: 'replaced', findings: [finding] }];
}

/** `known`: what was found before it was to be remembered; tampered stays tampered. */
async function orFailure(
  job: FamilyJob,
  act: () => Promise<FamilyOutcome>,
  known: readonly StreamResult[] = [],
): Promise<FamilyOutcome> {
  try {
    return await act();
  } catch (error) {
    const failure = error instanceof UnreadableObject ? error.failure : error;
    // what was given up at the end says nothing of a stream
    if (!(failure instanceof TamperError) || ['INTERNAL', 'ABORTED'].includes(failure.code)) throw failure;
    const failed = emptyResult(job.family, job.files.length, failure);
    const { error: why } = failed;
    if (known.length === 0 || why === undefined) return { is: 'settled', results: [failed] };
    const results = known.map((result) =>
      result.verdict === 'tampered' ? { ...result, error: why } : emptyResult(result.stream, result.files, failure),
    );
    return { is: 'settled', results };
  }
}

function parsed(stored: StoredText, family: string, { memory }: AuditRules): RememberedFamily {
  const id = familyId(family);
  return parseRemembered(stored.text, id, `${memory.name}: ${id}`);
}

/** The results of an attempt at the same job that got as far as to remember them. */
function saidBefore(job: FamilyJob, stored: StoredText, rules: AuditRules): readonly StreamResult[] | undefined {
  if (job.queued === undefined) return undefined;
  const { run } = parsed(stored, job.family, rules);
  return run?.id === job.queued
    ? parseResults(run.results, `${rules.memory.name}: ${familyId(job.family)}`)
    : undefined;
}

/** Whether this is what is remembered already, but for the run that made it so. */
function isRemembered(next: RememberedFamily, stored: StoredText, family: string, rules: AuditRules): boolean {
  const text = formatRemembered(next);
  if (text === stored.text) return true; // without reading it once more: so it is of most streams, each night
  const { run: _, ...rest } = parsed(stored, family, rules);
  return text === formatRemembered(rest);
}

/** @returns undefined where a file is not what was listed any more */
async function verified(
  job: FamilyJob,
  stored: StoredText | undefined,
  rules: AuditRules,
): Promise<Pick<Pending, 'results' | 'next' | 'recorded'> | undefined> {
  const remembered = stored && parsed(stored, job.family, rules);
  const all = remembered?.streams ?? [];
  const known = new Map(all.flatMap(({ files }) => files.map((file) => [file.name, file])));
  // a file that changed at every look would make the stream look truncated
  if (job.files.some((file) => file.sight === undefined && !isFileRemembered(file, known.get(file.name))))
    return undefined;
  const named = all.filter(({ origin }) => rules.options.names(origin));
  const held = rules.options.held.get(job.family) ?? [];
  const looks = lookAtFamily(job.files, remembered && { ...remembered, streams: named }, held);
  const { elsewhere } = job;
  const reread = job.reread === true;
  let verifiedNow = await verifiedStreams(looks, rules, reread);
  // what another file may hold excuses what is missing, and takes nothing from what is ok
  if (
    elsewhere !== undefined &&
    [...(verifiedNow?.reports.values() ?? [])].some(({ verdict }) => verdict === 'tampered')
  )
    verifiedNow = await verifiedStreams(looks, { ...rules, elsewhere }, reread);
  if (verifiedNow === undefined) return undefined;
  const { reports, recorded } = verifiedNow;
  const results: StreamResult[] = [];
  // what is not named now may be named again
  const streams: RememberedStream[] = all.filter((one) => !named.includes(one));
  for (const look of looks) {
    const outcome = outcomeOf(look, reports.get(look.origin), { ...rules, recorded, elsewhere });
    if (outcome === undefined) return undefined;
    results.push(outcome.result);
    if (outcome.stream !== undefined) streams.push(outcome.stream);
  }
  const next: RememberedFamily = { version: 2, family: job.family, streams };
  return { results: withMissing(results, job.manifests ?? []), next, recorded };
}

/** What was verified, and the recorded erasures that it was verified with. */
interface VerifiedNow {
  readonly reports: ReadonlyMap<string, VerifiedStream>;
  readonly recorded: RecordedNow;
}

/**
 * R1.3: what is not ok stands only if the erasure logs, read after its last line, say no more of it than those that it was
 * verified with. Where they do each time, nothing is called unrecorded.
 */
async function verifiedWithErasures(
  looks: readonly StreamLook[],
  rules: AuditRules,
  reread: boolean,
): Promise<VerifiedNow> {
  let recorded = rules.erasures.now;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const reports = await verifyFamily(looks, { ...rules, recorded }, reread);
    if ([...reports.values()].every(({ verdict }) => verdict === 'ok')) return { reports, recorded };
    const before = recorded;
    recorded = await rules.erasures.readAgain();
    if (looks.every(({ origin }) => recorded.saysSame(origin, before))) return { reports, recorded };
  }
  recorded = recorded.notWhole;
  return { reports: await verifyFamily(looks, { ...rules, recorded }, reread), recorded };
}

async function verifiedStreams(
  looks: readonly StreamLook[],
  rules: AuditRules,
  reread: boolean,
): Promise<VerifiedNow | undefined> {
  try {
    return await verifiedWithErasures(looks, rules, reread);
  } catch (error) {
    if (error instanceof Deleted || isGone(error) || isTamperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function outcomeOf(
  look: StreamLook,
  verifiedStream: VerifiedStream | undefined,
  rules: AuditRules & Pick<FamilyRules, 'recorded'>,
): { readonly result: StreamResult; readonly stream: RememberedStream | undefined } | undefined {
  const { origin, remembered, files } = look;
  const expired = isExpired(look, rules.mayBeGoneBefore);
  if (files.length === 0) {
    const isHere = (name: string): boolean => rules.places.some((place) => place.holds(name));
    const size = Math.max(0, ...[remembered?.newest, remembered?.seen, ...rules.options.heldOf(origin)].map(sizeOf));
    return { result: vanishedResult(look, { expired, size, isHere, elsewhere: rules.elsewhere }), stream: remembered };
  }
  if (verifiedStream !== undefined) {
    const { recorded } = rules;
    const basis = recorded.basisOf(origin, rules.options.basisOf(origin));
    const checked = { ...verifiedStream, expired, recorded };
    const stream = rememberStream(look, checked, basis, rules.now.toISOString());
    return { result: resultOf(look, stream, verifiedStream, rules), stream };
  }
  if (remembered === undefined) return undefined;
  const stream = expired ? withoutGone(look, remembered) : remembered;
  return { result: resultOf(look, stream, undefined, rules), stream };
}

/** What is remembered of a stream of which a retention has deleted the oldest files. */
function withoutGone({ gone }: StreamLook, remembered: RememberedStream): RememberedStream {
  const names = new Set(gone.map(({ name }) => name));
  const files = remembered.files.filter(({ name }) => !names.has(name));
  const firstSeq = Math.min(...files.map((file) => file.firstSeq ?? remembered.lastSeq));
  const { newest } = remembered;
  return { ...remembered, firstSeq, files, ...(newest !== undefined && { first: newest }) };
}
