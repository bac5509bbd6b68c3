import type { TamperConfig } from './config/index.ts';
import type { SealerStream } from './seal/sealer-stream.ts';

export type { AttestedFiles } from './api/attest.ts';
export type { AuditorKeyOptions, AuditorKeys, VerifierKeys } from './api/auditor-keys.ts';
export {
  attestFiles,
  auditorKeys,
  exportTiles,
  inspect,
  loadCheckpoint,
  loadPolicy,
  loadPublicKeys,
  loadTimestamp,
  loadWitnesses,
  originalLines,
  proveRecord,
  verifiedLines,
  verify,
  verifyProof,
} from './api/index.ts';
export type { AttestOptions, ExportTilesOptions, ProveOptions, VerifyProofOptions } from './api/proof-options.ts';
export type { RecoveryReport } from './api/recovery/recover-keys.ts';
export type { OriginalLinesOptions, VerifiedLinesOptions, VerifyOptions } from './api/verify-options.ts';
export type { StreamResult } from './audit/check/stream-result.ts';
export type { AuditSummary } from './audit/run/summary.ts';
export type { Mode, ResolvedConfig, TamperConfig } from './config/index.ts';
export { createSealer, type SealerDependencies, type SealerOptions } from './create-sealer.ts';
export { isTamperError, TamperError, type TamperErrorCode, type TamperErrorOptions } from './errors.ts';
export type { Manifest } from './format/manifest.ts';
export type { WitnessGroup } from './format/tlog-policy.ts';
export { formatVkey } from './format/vkey.ts';
export type { PublishedFinding } from './kafka/published-finding.ts';
export { createDataKey, type DataKeyParts } from './keys/data-key.ts';
export { type KeyEvent, type KeyOperation, keyChannelName, onKeyEvent } from './keys/events.ts';
export type { KeySource } from './keys/identity.ts';
export { generateKeyFile } from './keys/keygen.ts';
export type { GeneratedKey } from './keys/make-key-file.ts';
export type {
  CallOptions,
  DataKey,
  DataKeyReference,
  DataKeys,
  KeyContext,
  KeyProvider,
  ProviderLifecycle,
  Signature,
  SignatureAlgorithm,
  Signing,
  SigningKey,
} from './keys/provider.ts';
export type { KeyProviderModule, OptionsResult, OptionsSchema } from './providers/custom.ts';
export type { DoctorCheck, DoctorOutcome } from './providers/doctor-check.ts';
export { checkKeys, createKeyProvider } from './providers/index.ts';
export type { CheckpointEvent, FileClosedEvent, SealerEvents } from './seal/checkpoint/sealer-events.ts';
export { closeOnSignals } from './seal/close-on-signals.ts';
export type { LastError } from './seal/lifecycle/condition.ts';
export { Sealer } from './seal/sealer.ts';
export { type Health, type HealthLimits, healthOf, type SealerStats } from './seal/sealer-stats.ts';
export type { LineTaker, SealerStream } from './seal/sealer-stream.ts';
export type { PublicKeyName, Timestamp } from './verify/auditor/options.ts';
export type { Policy, PolicyDataKey, PolicyPublicKey, StreamPolicy } from './verify/auditor/policy.ts';
export type { CarrierName } from './verify/carrier/carrier.ts';
export type { DataKeyName } from './verify/data-keys/named-data-keys.ts';
export type { ExportedTiles, ExportedTree, ExportRefusal } from './verify/export-tiles.ts';
export type { OnPiece } from './verify/input/line-joiner.ts';
export type { Finding, FindingCode, Severity } from './verify/model/findings.ts';
export type { QuotedLine } from './verify/model/quoted-line.ts';
export type { TakenOver } from './verify/model/taken-over.ts';
export type { TimelineEvent, TimelineKind, TimelineReport } from './verify/model/timeline.ts';
export type { ProofFinding, ProofFindingCode, ProofReport, ProvedLine } from './verify/proof/proof-report.ts';
export type { ProofRefusal, ProvedRecord, RecordReceipt } from './verify/prove-record.ts';
export type { InspectedEvent, Inspection, InspectOptions } from './verify/show/inspection.ts';

export type { IgnoredFile, IgnoredReport, IgnoredWhy } from './verify/verdict/ignored-files.ts';
export type {
  DataKeyReport,
  DatedReport,
  FileDetails,
  KeyReport,
  SignerReport,
  StreamReport,
  UnwrappedReport,
  Verdict,
  VerifyReport,
  WitnessedReport,
  WitnessReport,
} from './verify/verdict/report.ts';

/** What pino calls for `target: 'fapilog-tamper'`: the same as for `fapilog-tamper/pino`. */
export default async function transport(options: TamperConfig): Promise<SealerStream> {
  const pino = await import('./transports/pino/index.ts');
  return pino.default(options);
}
