import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ResolvedConfig } from '../config/index.ts';
import { systemCode, TamperError } from '../errors.ts';
import { type Erasure, textProblem } from '../format/erasure.ts';
import { erasureNames } from '../foundation/log-file-names.ts';
import { KnownLock } from '../verify/auditor/known-lock.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { StreamReport, VerifyReport } from '../verify/verdict/report.ts';
import { verifyKeeping } from '../verify/verify.ts';
import { append, assertKeyIsNamed } from './erasure-log.ts';
import { finish, replace, storageOf } from './replace-file.ts';
import { type RewrittenFile, rewrite, standingOf } from './rewritten-file.ts';
import { Selection, type Wanted } from './selection.ts';

/** Erases records from closed files of a log, and puts each erasure on record in an erasure log (spec/erasure.md, 3). */

/** More bytes than a record of an erasure can have (spec/erasure.md, 1). */
const LONGEST_ERASURE = 16_384;

/** What to erase, why, and where it is recorded. */
export interface EraseOptions {
  /** The log and the keys, as for `verify`; a policy that names the erasure log is needed. */
  readonly verify: VerifyOptions;
  /** Without anything wanted, only what is on record already is carried out. */
  readonly wanted: Wanted;
  /** The stream, where the files hold several. */
  readonly origin?: string | undefined;
  readonly reason: string;
  readonly who: string;
  /** The configuration of the erasure log's writer. */
  readonly erasures: ResolvedConfig;
  /** The newest file too: no writer will go on with it. */
  readonly ended?: boolean;
  /** Nothing is changed, not even what an earlier run left. */
  readonly dryRun?: boolean;
  /** Asked before anything is changed, with the seqs to erase and the files that are rewritten. */
  readonly confirm: (plan: ErasePlan) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What would be erased. */
export interface ErasePlan {
  readonly origin: string;
  /** Ascending. */
  readonly seqs: readonly number[];
  readonly files: readonly string[];
  /** What overwriting does there. */
  readonly storage: 'in-place' | 'not-in-place';
}

/** What was done. */
export interface EraseOutcome {
  /** Of the verification before, where it was not ok and so nothing was done; else of the one after. */
  readonly report: VerifyReport;
  /** Absent where nothing was done. */
  readonly erased?: ErasePlan;
  /** What would be done, of a dry run. */
  readonly plan?: ErasePlan;
  /** Whoever was asked said no. */
  readonly refused?: true;
}

/**
 * Verifies, rewrites the files, records the erasures, and puts the new files in the place of the old ones, which are overwritten.
 * What a killed run left is finished first.
 *
 * @throws {@link TamperError} what `verify` and a sealer throw; `USAGE` for what cannot be erased; `UNSAFE_PATH`, `READ_FAILED`,
 *   `WRITE_FAILED`, `FOREIGN_WRITE`, `LOCKED`
 */
export async function eraseRecords(options: EraseOptions): Promise<EraseOutcome> {
  checkOptions(options);
  const { erasures } = options;
  if (options.dryRun === true) return look(options);
  try {
    // the lock of a run that was killed while it made it ends after half a minute
    const lock = await KnownLock.take(`${erasures.file}.erase`, { what: 'erasure log', waitMs: 35_000 });
    try {
      return await eraseLocked(options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw asEraseError(error);
  }
}

/** What the system refuses, and where. */
function asEraseError(cause: unknown): unknown {
  const code = systemCode(cause);
  if (cause instanceof TamperError || code === '') return cause;
  const { path } = cause as NodeJS.ErrnoException;
  return new TamperError('WRITE_FAILED', `${path ?? 'a file'} cannot be written or replaced (${code})`, {
    cause,
    hint: 'Make room, or remove what stands in its place, then run this again: it finishes what was begun.',
  });
}

async function eraseLocked(options: EraseOptions): Promise<EraseOutcome> {
  const { erasures } = options;
  await assertKeyIsNamed(erasures, options.verify.policy);
  let seen = await look(options);
  if (isLeftOpen(seen.report, erasures.origin)) {
    // its writer was killed: a start takes over what is there, and closes it; what nobody had signed records nothing (R1.3)
    await append(erasures, []);
    seen = await look(options);
  }
  let wasLeft = false;
  for (const file of streamOf(seen.report, options).files) wasLeft = (await finish(file)) || wasLeft;
  if (wasLeft) seen = await look(options);
  const { report, work } = seen;
  if (work === undefined) return { report };
  const before = work.plan.files.map(standingOf);
  if (!(await options.confirm(work.plan))) return { report, refused: true };
  const changed = work.plan.files.find((file, at) => standingOf(file) !== before[at]);
  if (changed !== undefined) {
    throw new TamperError('FOREIGN_WRITE', `${changed} was changed while you were asked`, {
      hint: 'Nothing was erased. Find out who writes to it, and run this again.',
    });
  }
  await carryOut(options, work);
  return { report: await verifyKeeping({ ...options.verify, paths: pathsOf(options) }, undefined), erased: work.plan };
}

/** What is to be done. */
interface Work {
  readonly plan: ErasePlan;
  /** The commitments of all records to erase, by seq. */
  readonly commits: ReadonlyMap<number, string>;
  /** Those of them that are on record already. */
  readonly recorded: ReadonlyMap<number, string>;
}

const pathsOf = ({ verify, erasures }: EraseOptions): string[] => [...verify.paths, erasures.file];

/** Verifies, and finds what is to be erased; no `work` where the verdict forbids it, or there is none. */
async function look(options: EraseOptions): Promise<EraseOutcome & { readonly work?: Work }> {
  const selection = new Selection(options.wanted);
  const report = await verifyKeeping({ ...options.verify, paths: pathsOf(options), jobs: 1 }, selection);
  const stream = streamOf(report, options);
  if (!isErasable(report, options)) return { report };
  const recorded = new Map((stream.erased?.standing ?? []).map(({ seq, commit }) => [seq, commit]));
  const commits = new Map([...selection.in(stream.origin, stream.provenSize, recorded), ...recorded]);
  const seqs = [...commits.keys()].sort((a, b) => a - b);
  const files = filesWith(stream, seqs);
  if (files.length === 0) return { report };
  const storage = files.every((file) => storageOf(file) === 'in-place') ? 'in-place' : 'not-in-place';
  const plan = { origin: stream.origin, seqs, files, storage } as const;
  if (options.dryRun === true) await options.confirm(plan);
  return { report, plan, work: { plan, commits, recorded } };
}

/** R3.2: new files, then the record, then the replacement. */
async function carryOut(options: EraseOptions, { plan, commits, recorded }: Work): Promise<void> {
  const rewritten: RewrittenFile[] = [];
  try {
    for (const path of plan.files) {
      const one = await rewrite(path, plan.origin, commits, (seq) => options.ended !== true && !recorded.has(seq));
      if (one !== undefined) rewritten.push(one);
    }
    await record(options, rewritten, recorded, plan);
  } catch (error) {
    for (const { path } of rewritten) await rm(erasureNames(path).fresh, { force: true });
    throw error;
  }
  for (const one of rewritten) await replace(one);
}

/** Puts on record what is not yet. @throws {@link TamperError} `FOREIGN_WRITE`, and as {@link append} and {@link assertRecorded} */
async function record(
  options: EraseOptions,
  rewritten: readonly RewrittenFile[],
  recorded: ReadonlyMap<number, string>,
  { origin, seqs, storage }: ErasePlan,
): Promise<void> {
  const found = new Set(rewritten.flatMap(({ erased }) => erased.map(({ seq }) => seq)));
  const missing = seqs.find((seq) => !found.has(seq));
  if (missing !== undefined)
    throw new TamperError('FOREIGN_WRITE', `entry ${missing} is not where it was when the log was verified`, {
      hint: 'Its file was moved or changed meanwhile. Nothing was erased; run this again.',
    });
  const fresh = rewritten
    .flatMap((one) => recordsOf(one, options, origin, storage))
    .filter(({ erased }) => recorded.get(erased.seq) !== erased.commit);
  if (fresh.length === 0) return;
  await append(options.erasures, fresh);
  await assertRecorded(options);
}

function recordsOf(
  { path, before, after, erased }: RewrittenFile,
  { reason, who, now }: EraseOptions,
  origin: string,
  storage: Erasure['storage'],
): Erasure[] {
  const time = new Date(now).toISOString();
  const file = { name: basename(path), before, after };
  return erased.map(({ seq, commit }) => ({ erased: { origin, seq, commit }, reason, who, time, file, storage }));
}

/** An erasure that an auditor would not find on record must not be carried out. @throws {@link TamperError} `VERIFY_FAILED` */
async function assertRecorded(options: EraseOptions): Promise<void> {
  const { verify, erasures } = options;
  const { origin, file } = erasures;
  const { known: _known, ...rest } = verify; // it is about the log
  const report = await verifyKeeping({ ...rest, origin, paths: [file] }, undefined);
  if (report.streams.every(({ verdict }) => verdict !== 'tampered') && isErasable(report, options)) return;
  throw new TamperError('VERIFY_FAILED', `the erasure log ${origin} is not ok by your policy, so nothing was erased`, {
    hint: `Run: fapilog-tamper verify ${file} --origin ${origin} with the same policy.`,
  });
}

/** An erasure log is one file, and each erasure one line of it: what was recorded otherwise would be found by nobody. */
function checkErasureLog({
  file,
  rotateChain,
  rotateMaxBytes,
  rotateIntervalSeconds,
  maxLineBytes,
}: ResolvedConfig): void {
  const refuse = (problem: string): never => {
    throw new TamperError('USAGE', `the configuration of the erasure log: ${problem}`, {
      hint: 'Change the file that --erasures names, then run this again. Nothing was erased.',
    });
  };
  if (rotateChain || rotateMaxBytes > 0 || rotateIntervalSeconds > 0)
    refuse('rotate_max_bytes, rotate_interval_seconds and rotate_chain must not be there: an erasure log is one file');
  if (file === '-') refuse('file must be the name of a file');
  if (maxLineBytes < LONGEST_ERASURE)
    refuse(`max_line_bytes must be at least ${LONGEST_ERASURE}: no record of an erasure may be split`);
  if (existsSync(file)) return;
  throw new TamperError('USAGE', `the erasure log ${file} is not there`, {
    hint: 'Check file in the configuration that --erasures names, which counts from the working directory. To begin a new erasure log: fapilog-tamper seal --config CONFIGURATION < /dev/null',
  });
}

/** @throws {@link TamperError} `USAGE` */
function checkOptions({ verify, erasures, reason, who, wanted }: EraseOptions): void {
  const { policy, stored = [], paths, unwrap, demux } = verify;
  checkErasureLog(erasures);
  if (policy?.erasures?.includes(erasures.origin) !== true) {
    throw new TamperError('USAGE', `the policy does not name ${erasures.origin} as an erasure log`, {
      hint: `In the policy: erasures: [${erasures.origin}], and its key under streams (docs/erasure.md).`,
    });
  }
  if (stored.length > 0 || paths.includes('-') || unwrap !== undefined || demux === true) {
    throw new TamperError('USAGE', 'records are erased from files as their writer wrote them', {
      hint: 'Download objects, erase, and put the files in their place; delete older versions there.',
    });
  }
  const isAsked = wanted.seqs.length + wanted.where.length > 0;
  for (const [name, value] of isAsked
    ? ([
        ['reason', reason],
        ['who', who],
      ] as const)
    : []) {
    const problem = textProblem(value);
    if (problem !== undefined) throw new TamperError('USAGE', `--${name}: ${problem}`);
  }
}

/** The one stream to erase from. @throws {@link TamperError} `USAGE` */
function streamOf({ streams, findings }: VerifyReport, { origin, verify }: EraseOptions): StreamReport {
  const logs = verify.policy?.erasures ?? [];
  const those = streams.filter((one) => !logs.includes(one.origin) && one.lastSeq > 0);
  const wanted = origin === undefined ? those : those.filter((one) => one.origin === origin);
  const [one, ...others] = wanted;
  if (one !== undefined && others.length === 0) return one;
  if (those.length === 0) {
    const problem = findings.find(({ severity, file }) => severity !== 'warning' && file !== undefined);
    throw new TamperError('USAGE', `no log that the policy names is in ${verify.paths.join(', ')}`, {
      hint: problem === undefined ? 'Check the paths.' : `${problem.file}: ${problem.message}`,
    });
  }
  const which = those.map((stream) => stream.origin).join(', ');
  throw new TamperError('USAGE', `erase from one stream at a time; those here are: ${which}`, {
    hint: 'Name it with --stream ORIGIN. Nothing can be erased from an erasure log.',
  });
}

/**
 * R3.1: nothing but a recorded erasure that is not carried out yet may stand against the log, and nothing but what a kill of
 * this command leaves for good against the erasure log: what it records counts up to its proven end, and no further.
 */
function isErasable({ findings }: VerifyReport, { erasures }: EraseOptions): boolean {
  return findings.every(
    ({ code, severity, origin }) =>
      severity === 'warning' || code === 'NOT_ERASED' || (origin === erasures.origin && code === 'ADOPTED'),
  );
}

/** Whether the end of the erasure log is not proven, as when its writer was killed. */
const isLeftOpen = ({ findings }: VerifyReport, erasures: string): boolean =>
  findings.some(({ code, severity, origin }) => severity === 'undecided' && code !== 'ADOPTED' && origin === erasures);

/** The files that hold any of the entries, which ascend. */
function filesWith({ fileDetails = [] }: StreamReport, seqs: readonly number[]): string[] {
  const all = [...fileDetails].sort((one, other) => (one.firstSeq ?? 0) - (other.firstSeq ?? 0));
  let at = 0;
  return all.flatMap(({ file, firstSeq = 0, lastSeq = 0 }) => {
    while ((seqs[at] ?? firstSeq) < firstSeq) at++;
    return (seqs[at] ?? Number.POSITIVE_INFINITY) <= lastSeq ? file : [];
  });
}
