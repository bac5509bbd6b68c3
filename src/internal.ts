/**
 * What the command line needs besides the package's root: a configuration with the place of each option, and the parts that
 * take it as it is. It is no part of what the package offers; no export of package.json leads here.
 */
export {
  attestFilesWith,
  auditStreams,
  closing,
  collectAudit,
  configuredKeys,
  enqueueAudit,
  exportTilesWith,
  mergeAudits,
  openRecoveryPlaces,
  proofsAmong,
  proveRecordWith,
  proveStream,
  recoverKeys,
  restsOnKeysOf,
  showKeys,
  timestampLog,
  verifiedLinesWith,
  verifyProofWith,
  verifyStreamProofsWith,
  verifyTopicWith,
  verifyWith,
  watchStreams,
  witnessLog,
  workOnAudits,
} from './api/configured.ts';
export { draftPolicy } from './api/index.ts';
export { variableOf } from './api/local-data-keys.ts';
export type { ProofKind } from './api/proof-files.ts';
export type { QueuedStreams, QueueOptions } from './api/queued-audits.ts';
export type { RecoveredPeriod, RecoveryOutcome, RecoveryReport } from './api/recovery/recover-keys.ts';
export type { ShownDataKey, ShownKeys, ShownPeriod, ShownPublicKey } from './api/shown-keys.ts';
export type { VerificationKeys } from './api/verification-keys.ts';
export type { WitnessLogResult } from './api/witness-log.ts';
export type { AuditOptions } from './audit/check/stream-options.ts';
export type { AuditFinding, StreamResult } from './audit/check/stream-result.ts';
export type { WorkerEvent } from './audit/queue/attempt.ts';
export type { RunCounts } from './audit/queue/collect.ts';
export {
  type AuditRun,
  auditMetrics,
  expositionOf,
  METRICS_BEGINNING,
  ResultCounts,
} from './audit/run/audit-metrics.ts';
export type { PartLines } from './audit/run/merge.ts';
export { runOf, shardOf } from './audit/run/shard.ts';
export type { AuditSummary } from './audit/run/summary.ts';
export { KnownStates } from './audit/watch/known-states.ts';
export { DEFAULT_LISTEN, listenAddress } from './audit/watch/listen-address.ts';
export { checkPlaces } from './check-places.ts';
export { type FlagSpec, type Flags, readFlags } from './config/flags.ts';
export {
  choicesOf,
  fileName,
  flagName,
  isSecretOption,
  kindOf,
  loadConfigFile,
  modeOf,
  nearest,
  optionNames,
  type Resolution,
  resolveConfig,
} from './config/index.ts';
export { createSealerFor } from './create-sealer.ts';
export { engineInUse } from './engine/selected-engine.ts';
export { type ErasePlan, eraseRecords, type MemberValue, type SeqRange } from './erase/index.ts';
export { checkOrigin } from './format/origin.ts';
export { checkWorkingDirectory } from './foundation/directory.ts';
export { appendDurably } from './foundation/durable-append.ts';
export { replaceFile } from './foundation/durable-replace.ts';
export { readsLikeKey, shown, withoutPasswords } from './foundation/key-like.ts';
export type { OwnDigest } from './foundation/own-package.ts';
export { readLines, readText } from './foundation/read-text.ts';
export { openRegular } from './foundation/regular-file.ts';
export type { JournalOptions } from './journal/audit-with-journal.ts';
export { checkKeysOf } from './providers/check-keys.ts';
export { waitingLines, waitingText } from './seal/intake/waiting-lines.ts';
export { type Lines, WholeLines } from './seal/intake/whole-lines.ts';
export { openPlainWriter } from './seal/plain-lines.ts';
export { abandonStream, breakLock } from './seal/resume/recover-stream.ts';
export { noRequests } from './storage/counted-storage.ts';
export type { VerifyOptions } from './verify/auditor/options.ts';
export { isCarrierName } from './verify/carrier/carriers.ts';
