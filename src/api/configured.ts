import type { StreamResult } from '../audit/check/stream-result.ts';
import type { Worked } from '../audit/queue/work.ts';
import type { MergedAudit, PartLines } from '../audit/run/merge.ts';
import type { AuditSummary } from '../audit/run/summary.ts';
import { modeOf, type Resolution, signingCandidate } from '../config/index.ts';
import type { ProvedStream, ProveStreamOptions } from '../journal/prove-stream.ts';
import type { StreamProofReport } from '../journal/stream-proof.ts';
import type { TopicOptions } from '../kafka/index.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { ExportedTiles, ExportTilesOptions } from '../verify/export-tiles.ts';
import type { ProofReport } from '../verify/proof/proof-report.ts';
import type { ProvedRecord, ProveOptions } from '../verify/prove-record.ts';
import type { VerifyReport } from '../verify/verdict/report.ts';
import type { VerifiedLinesOptions } from '../verify/verified-lines.ts';
import type { ProofOptions } from '../verify/verify-proof.ts';
import type { AttestedFiles } from './attest.ts';
import type { StreamsToAudit } from './audit-streams.ts';
import type { ConfiguredKeyOptions } from './configured-keys.ts';
import type { ProofKind } from './proof-files.ts';
import type {
  CollectAuditOptions,
  EnqueueAuditOptions,
  EnqueuedAudit,
  QueuedStreams,
  WorkOnAuditsOptions,
} from './queued-audits.ts';
import type { RecoverKeysOptions, RecoveryReport } from './recovery/recover-keys.ts';
import type { RecoveryPlaces, RecoveryPlacesOptions } from './recovery/recovery-places.ts';
import type { ShowKeysOptions, ShownKeys } from './shown-keys.ts';
import type { TimestampLogOptions, TimestampLogResult } from './timestamps.ts';
import type { VerificationKeys } from './verification-keys.ts';
import type { WatchStreamsOptions } from './watch-streams.ts';
import type { WitnessLogOptions, WitnessLogResult } from './witness-log.ts';

/** The auditor's functions for keys that a configuration names, as the command line has them. Loaded with the first call. */

/**
 * Puts the keys of a configuration, a policy and flags together. The caller closes them.
 *
 * @throws {@link TamperError} `USAGE`, `NOT_FOUND`, `READ_FAILED`, `KEY_NOT_FOUND`
 */
export async function configuredKeys(options: ConfiguredKeyOptions): Promise<Omit<VerificationKeys, 'publicKeys'>> {
  return (await import('./configured-keys.ts')).configuredKeys(options);
}

/** `verify` with keys that are open. @throws {@link TamperError} as `verify`; `USAGE`: what is held is of no stream that is named */
export async function verifyWith(options: VerifyOptions): Promise<VerifyReport> {
  (await import('./held-streams.ts')).refuseStrangeNotes(options);
  const { verify } = await import('../verify/verify.ts');
  return atPlaces(options, verify);
}

/** Audits many streams. `onResult` gets each as soon as it is done. @throws {@link TamperError} as `auditStreams` of `audit-streams.ts` */
export async function auditStreams(
  given: StreamsToAudit,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  return (await import('./audit-streams.ts')).auditStreams(given, onResult);
}

/** Audits many streams until it is stopped. @throws {@link TamperError} as `watchStreams` of `watch-streams.ts` */
export async function watchStreams(
  given: Omit<StreamsToAudit, 'now' | 'requests'>,
  options: WatchStreamsOptions,
): Promise<void> {
  return (await import('./watch-streams.ts')).watchStreams(given, options);
}

/** Merges the outputs of the parts of one audit. @throws {@link TamperError} as `mergeAudits` of `audit` */
export async function mergeAudits(parts: Iterable<PartLines>): Promise<MergedAudit> {
  return (await import('../audit/run/merge.ts')).mergeAudits(parts);
}

/** Makes jobs of an audit. @throws {@link TamperError} as `enqueueAudit` of `queued-audits.ts` */
export async function enqueueAudit(given: QueuedStreams, options: EnqueueAuditOptions): Promise<EnqueuedAudit> {
  return (await import('./queued-audits.ts')).enqueueAudit(given, options);
}

/** Does jobs of audits. @throws {@link TamperError} as `workOnAudits` of `queued-audits.ts` */
export async function workOnAudits(given: QueuedStreams, options: WorkOnAuditsOptions): Promise<Worked> {
  return (await import('./queued-audits.ts')).workOnAudits(given, options);
}

/** Gives the results of such jobs. @throws {@link TamperError} as `collectAudit` of `queued-audits.ts` */
export async function collectAudit(
  options: CollectAuditOptions,
  onResult: (result: StreamResult) => Promise<void>,
): Promise<AuditSummary> {
  return (await import('./queued-audits.ts')).collectAudit(options, onResult);
}

/** Verifies a topic of Kafka. @throws {@link TamperError} as `verifyTopic` of `kafka`; `USAGE` as {@link verifyWith} */
export async function verifyTopicWith(options: TopicOptions): Promise<VerifyReport> {
  (await import('./held-streams.ts')).refuseStrangeNotes(options.verify);
  return (await import('../kafka/index.ts')).verifyTopic(options);
}

/** `verifiedLines` with keys that are open. @throws {@link TamperError} as `verifiedLines` */
export async function verifiedLinesWith(options: VerifiedLinesOptions): Promise<VerifyReport> {
  const { verifiedLines } = await import('../verify/verified-lines.ts');
  return atPlaces(options, verifiedLines);
}

/**
 * `proveRecord` with keys that are open.
 *
 * @param receipt - the configuration whose signing key signs a COSE receipt; a tlog-proof without it
 * @throws {@link TamperError} as `proveRecord`; `USAGE` where the configuration names no signing key
 */
export async function proveRecordWith(
  options: ProveOptions,
  receipt?: { readonly config: Resolution['config']; readonly env: ConfiguredKeyOptions['env'] },
): Promise<ProvedRecord> {
  if (receipt === undefined) return atPlaces(options, (await import('../verify/prove-record.ts')).proveRecord);
  const { proveReceipt } = await import('./prove.ts');
  const by = await (await import('./configured-keys.ts')).openSigning(receipt.config, receipt.env);
  const byItself = options.policy === undefined && (options.publicKeys ?? []).length === 0;
  const proved = atPlaces(options, (input) => proveReceipt(input, by, byItself));
  return closing(proved, async () => by.signing.close());
}

/** `exportTiles` with keys that are open. @throws {@link TamperError} as `exportTiles` */
export async function exportTilesWith(
  options: Omit<ExportTilesOptions, 'destination'>,
  tiles: string,
): Promise<ExportedTiles> {
  const { exportTiles } = await import('../verify/export-tiles.ts');
  const { withDestination } = await import('./export-tiles.ts');
  return withDestination(options.paths, tiles, async (destination) =>
    atPlaces({ ...options, destination }, exportTiles),
  );
}

/** Runs with the buckets open that are among the paths. */
async function atPlaces<O extends VerifyOptions, R>(options: O, run: (options: O) => Promise<R>): Promise<R> {
  const { withStored } = await import('./stored-places.ts');
  return withStored(options.paths, (places) => run({ ...options, ...places }));
}

/**
 * `attestFiles` with keys that are open, signed with the signing key of a configuration.
 *
 * @throws {@link TamperError} as `attestFiles`; `USAGE` where the configuration names no signing key
 */
export async function attestFilesWith(
  options: VerifyOptions,
  { config }: Resolution,
  env: ConfiguredKeyOptions['env'],
): Promise<AttestedFiles> {
  const { attestFiles } = await import('./attest.ts');
  const { openSigning } = await import('./configured-keys.ts');
  const { keyId, signing } = await openSigning(config, env);
  return closing(attestFiles(options, { keyId, signing }), async () => signing.close());
}

/** `verifyProof` with keys that are open, of a file. @throws {@link TamperError} as `verifyProof`; `NOT_FOUND`, `READ_FAILED` */
export async function verifyProofWith(path: string, options: ProofOptions): Promise<ProofReport> {
  const { readProof } = await import('./proof-files.ts');
  return (await import('../verify/verify-proof.ts')).verifyProof(await readProof(path), options);
}

/** Verifies stream proofs in files. @throws {@link TamperError} as `verifyProof`; `NOT_FOUND`, `READ_FAILED` */
export async function verifyStreamProofsWith(
  paths: readonly string[],
  options: ProofOptions,
): Promise<(StreamProofReport & { readonly file: string })[]> {
  const { readProof } = await import('./proof-files.ts');
  const { compared, verifyStreamProof } = await import('../journal/stream-proof.ts');
  const proofs: (StreamProofReport & { readonly file: string })[] = [];
  for (const file of paths) proofs.push({ file, ...(await verifyStreamProof(await readProof(file), options)) });
  return compared(proofs);
}

/** Proves what a journal says of a stream. @throws {@link TamperError} as `proveStream` of `journal` */
export async function proveStream(options: ProveStreamOptions): Promise<ProvedStream> {
  return (await import('../journal/prove-stream.ts')).proveStream(options);
}

/** Which proofs the files to verify are; undefined for logs. @throws {@link TamperError} `USAGE` */
export async function proofsAmong(paths: readonly string[]): Promise<ProofKind | undefined> {
  return (await import('./proof-files.ts')).proofsAmong(paths);
}

/** Brings a log's newest checkpoint to a witness. @throws {@link TamperError} as `witnessLog` of `witness-log.ts` */
export async function witnessLog(options: WitnessLogOptions): Promise<WitnessLogResult> {
  return (await import('./witness-log.ts')).witnessLog(options);
}

/** The places where data keys may be asked for. The caller closes them. @throws {@link TamperError} as {@link configuredKeys} */
export async function openRecoveryPlaces(options: RecoveryPlacesOptions): Promise<RecoveryPlaces> {
  return (await import('./recovery/recovery-places.ts')).openRecoveryPlaces(options);
}

/**
 * Asks key services for the data keys of a log once, and writes those that are right to a file for `verify --keys`.
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `NOT_FOUND`, `READ_FAILED`, `WRITE_FAILED`
 */
export async function recoverKeys(options: RecoverKeysOptions): Promise<RecoveryReport> {
  return (await import('./recovery/recover-keys.ts')).recoverKeys(options);
}

/** Says which keys are in some files. @throws {@link TamperError} `FORMAT_INVALID`, `NOT_FOUND`, `READ_FAILED`, … */
export async function showKeys(paths: readonly string[], options: ShowKeysOptions): Promise<ShownKeys[]> {
  return (await import('./shown-keys.ts')).showKeys(paths, options);
}

/** Has a log's newest checkpoint stamped. @throws {@link TamperError} as `timestampLog` of `timestamps.ts` */
export async function timestampLog(options: TimestampLogOptions): Promise<TimestampLogResult> {
  return (await import('./timestamps.ts')).timestampLog(options);
}

/**
 * What the verdicts rest on of a configuration besides what is in the options: the names of its keys. Where one of them is
 * another, all is verified again.
 */
export function restsOnKeysOf({ config }: Resolution): string {
  const mode = modeOf(config);
  const named = [mode.dataKey, signingCandidate(mode), mode.postQuantumKey].map(
    (key) => key && [key.source, key.keyId],
  );
  return JSON.stringify(named);
}

/** What `work` gives, after what it used was closed, however it ended. @throws what `work` or else `close` throws */
export async function closing<T>(work: Promise<T>, close: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } finally {
    await close();
  }
}
