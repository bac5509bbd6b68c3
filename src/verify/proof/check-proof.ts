import type { Digest } from '../../core/hash.ts';
import { verifyInclusion } from '../../core/inclusion-proof.ts';
import { hashLeaf } from '../../core/tree.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { readControl } from '../../format/control.ts';
import { verifyCosignature } from '../../format/cosignature.ts';
import { CONTROL_LIMIT, classifyLine, decodeUtf8, type RecordLine } from '../../format/entry.ts';
import { parseRecordExtra, type RecordExtra } from '../../format/evidence/record-extra.ts';
import { parseTlogProof, type ReadTlogProof } from '../../format/evidence/tlog-proof.ts';
import { leafOf } from '../../format/leaf.ts';
import { decodeLogSignature } from '../../format/log-signature.ts';
import { kidOf, tagOf } from '../../format/origin.ts';
import { unwrapRecord } from '../../format/record.ts';
import { encodeNoteKey, noteKeyId } from '../../format/vkey.ts';
import { verifySignature } from '../../keys/signature.ts';
import { verifyWitnessSignature } from '../../keys/witness-signature.ts';
import type { Auditor, NamedPublicKey } from '../auditor/auditor.ts';
import { isGrouped, isMet } from '../auditor/quorum.ts';
import { cosignaturesOf } from '../trust/cosignatures.ts';
import { signerFingerprint } from '../trust/key-fingerprint.ts';
import { hasWeight } from '../trust/post-quantum.ts';
import {
  PROOF_SEVERITY,
  type ProofFinding,
  type ProofFindingCode,
  type ProofReport,
  type ProvedLine,
} from './proof-report.ts';

/** A proof of one record, checked by itself (spec/evidence.md, section 3). */

/** No record is longer than 16 MiB (spec 8, M8.25): so is no proof than this, in bytes. */
export const PROOF_LIMIT: number = 32 * 1024 * 1024;
/** Stands for the auth, which is no part of a leaf, where a leaf is read as a line. */
const ANY_TAIL = Buffer.from(`${'A'.repeat(43)}"}}`, 'latin1');

/** What a proof came to, while it is checked. */
class Findings {
  readonly list: ProofFinding[] = [];

  add(code: ProofFindingCode, message: string): void {
    this.list.push({ code, severity: PROOF_SEVERITY[code], message });
  }

  has(code: ProofFindingCode): boolean {
    return this.list.some((one) => one.code === code);
  }
}

/** What the names of the auditor mean for a stream; undefined where they do not cover it. */
export type AuditorOf = (origin: string) => Auditor | undefined;

/** Checks the bytes of a proof. A finding is never an exception. */
export async function checkProof(bytes: Uint8Array, auditorOf: AuditorOf): Promise<ProofReport> {
  const findings = new Findings();
  const read = readProof(bytes, findings);
  if (read === undefined) return report(findings, { signers: [], held: false });
  const { proof, extra } = read;
  const { checkpoint, index } = proof;
  const { origin, size } = checkpoint;
  const record = readRecord(extra, proof, findings);
  const sealedAt = readSealTime(extra, checkpoint, findings);
  checkInclusion(proof, extra, record?.leaf ?? hashLeaf(extra.record), findings);
  const auditor = auditorOf(origin);
  if (auditor === undefined) findings.add('ORIGIN_NOT_NAMED', `it is of the stream ${origin}, which you did not name`);
  const trusted = auditor === undefined ? undefined : await checkTrust(checkpoint, auditor, findings);
  if (auditor !== undefined) {
    checkDemands(auditor, record?.line, trusted?.signers ?? [], findings);
    await checkWitnesses(auditor, checkpoint, findings);
  }
  return report(findings, {
    origin,
    seq: index + 1,
    ...(record !== undefined && { record: record.own }),
    size,
    ...(sealedAt !== undefined && { sealedAt }),
    checkpoint: proof.note,
    signers: (trusted?.signers ?? []).map(signerOf),
    held: trusted?.held ?? false,
  });
}

function report({ list }: Findings, said: Omit<ProofReport, 'verdict' | 'findings'>): ProofReport {
  const worst = list.some(({ severity }) => severity === 'tampered') ? 'tampered' : 'undecided';
  return { verdict: list.length === 0 ? 'ok' : worst, ...said, findings: list };
}

interface ReadProof {
  readonly proof: ReadTlogProof;
  readonly extra: RecordExtra;
}

/** E3.1: only the one spelling of a proof is read; of another version or application it says nothing. */
function readProof(bytes: Uint8Array, findings: Findings): ReadProof | undefined {
  if (bytes.length > PROOF_LIMIT) {
    findings.add('LIMIT', `it is longer than ${PROOF_LIMIT} bytes`);
    return undefined;
  }
  const reading = parseTlogProof(bytes);
  if ('problem' in reading) {
    findings.add(reading.otherVersion === true ? 'UNSUPPORTED' : 'PROOF_MALFORMED', reading.problem);
    return undefined;
  }
  const { proof } = reading;
  if (proof.extra === undefined) {
    findings.add('UNSUPPORTED', 'it carries no record: it is not a proof that "prove" has made');
    return undefined;
  }
  const extra = parseRecordExtra(proof.extra, proof.checkpoint.size);
  if ('extra' in extra) return { proof, extra: extra.extra };
  findings.add(extra.foreign === true ? 'UNSUPPORTED' : 'PROOF_MALFORMED', extra.problem);
  return undefined;
}

/** E3.2: the record says of itself which entry of which stream it is. */
function readRecord(
  { record }: RecordExtra,
  { index, checkpoint: { origin } }: ReadTlogProof,
  findings: Findings,
): { line: RecordLine; leaf: Digest; own: ProvedLine } | undefined {
  const bytes = Buffer.concat([record, ANY_TAIL]);
  const line = classifyLine(bytes);
  if (line.type !== 'record') {
    findings.add('RECORD_WRONG', 'the proven line is not a record: it does not end like one');
    return undefined;
  }
  if (line.seq !== index + 1) {
    findings.add(
      'RECORD_WRONG',
      `the record says that it is entry ${line.seq}, but the proof is of entry ${index + 1}`,
    );
  }
  if (line.tag !== tagOf(origin)) {
    findings.add('ORIGIN_WRONG', `the record has the tag ${line.tag}, which is not that of ${origin}`);
  }
  if (line.commit !== undefined) {
    findings.add('RECORD_WRONG', 'the proven line is what is left of a record that was erased');
    return undefined;
  }
  const own = unwrapRecord(bytes, line);
  if (own === undefined) {
    findings.add('RECORD_WRONG', `the record says "as":"${line.as}", but is not the wrapped form of a line`);
    return undefined;
  }
  return { line, leaf: leafOf(bytes, line), own: provedLine(own, line) };
}

function provedLine(own: Buffer, { part, last }: RecordLine): ProvedLine {
  const text = decodeUtf8(own);
  return {
    ...(text === undefined ? { base64: own.toString('base64') } : { text }),
    ...(part !== undefined && { part }),
    ...(last && { lastPart: true }),
  };
}

/** E3.3: the entry with the checkpoint's size as its SEQ is a seal or close, in its one spelling, and dates it. */
function readSealTime(
  { sealLeaf }: RecordExtra,
  { origin, size }: SignedCheckpoint,
  findings: Findings,
): string | undefined {
  const bytes = Buffer.concat([sealLeaf, ANY_TAIL]);
  const line = classifyLine(bytes);
  if (line.type !== 'control' || line.seq !== size) {
    findings.add('SEAL_WRONG', `what shall date the checkpoint is not entry ${size}, its seal`);
    return undefined;
  }
  if (line.tag !== tagOf(origin)) {
    findings.add('ORIGIN_WRONG', `the seal has the tag ${line.tag}, which is not that of ${origin}`);
    return undefined;
  }
  if (bytes.length > CONTROL_LIMIT) {
    findings.add('LIMIT', `entry ${size} is longer than ${CONTROL_LIMIT} bytes`);
    return undefined;
  }
  const reading = readControl(bytes, size, line.kind, kidOf(origin, line.epoch), line.member);
  if ('problem' in reading) {
    const { code, message } = reading.problem;
    findings.add(code === 'UNSUPPORTED' ? 'UNSUPPORTED' : 'SEAL_WRONG', `entry ${size} (${line.kind}): ${message}`);
    return undefined;
  }
  const { entry } = reading;
  if (entry.kind === 'seal' || entry.kind === 'close') return entry.time;
  findings.add('SEAL_WRONG', `entry ${size} is a ${entry.kind}, neither a seal nor a close`);
  return undefined;
}

/** E3.4: both stand under the root. */
function checkInclusion(
  { index, proof, checkpoint }: ReadTlogProof,
  extra: RecordExtra,
  leaf: Digest,
  findings: Findings,
): void {
  const { size, root } = checkpoint;
  if (!verifyInclusion(index, size, leaf, proof, root)) {
    const message = `entry ${index + 1}, as it stands here, is not in the tree of ${size} entries that the checkpoint states`;
    findings.add('INCLUSION_WRONG', message);
  }
  if (!verifyInclusion(size - 1, size, hashLeaf(extra.sealLeaf), extra.sealProof, root)) {
    findings.add(
      'INCLUSION_WRONG',
      `the seal, as it stands here, is not entry ${size} of the tree that the checkpoint states`,
    );
  }
}

interface Trust {
  readonly signers: readonly NamedPublicKey[];
  readonly held: boolean;
}

/** E3.5: the checkpoint is signed by a key that is named for its size, or is one that the auditor holds. */
async function checkTrust(checkpoint: SignedCheckpoint, auditor: Auditor, findings: Findings): Promise<Trust> {
  const { origin, size, root } = checkpoint;
  const same = auditor.held.filter((one) => one.size === size);
  for (const one of same) {
    if (one.root !== root)
      findings.add('KNOWN_CONTRADICTED', `you hold a checkpoint of ${size} entries of ${origin} that has another root`);
  }
  const verified = await verifiedKeys(checkpoint, auditor, findings);
  const weighty = verified.filter(({ key }) => hasWeight(auditor, encodeNoteKey(key).toString('latin1'), size));
  const signers = weighty.filter(({ fromSeq, untilSeq }) => size >= fromSeq && size <= untilSeq);
  const held = same.some((one) => one.root === root);
  if (signers.length === 0 && !held && !findings.has('SIGNATURE_WRONG')) {
    findings.add('UNSIGNED', whyUnsigned(checkpoint, auditor, verified, weighty));
  }
  return { signers, held };
}

function whyUnsigned(
  { origin, size }: SignedCheckpoint,
  auditor: Auditor,
  verified: readonly NamedPublicKey[],
  weighty: readonly NamedPublicKey[],
): string {
  if (weighty.length < verified.length && weighty.length === 0) {
    return `your policy demands a signature of ML-DSA for its checkpoint of ${size} entries, and none by a key that you named is there`;
  }
  if (verified.length > 0) return `its checkpoint of ${size} entries is outside the range of the key that signed it`;
  if (auditor.publicKeys.length > 0) return `no public key that you named signed its checkpoint of ${size} entries`;
  return (auditor.namedElsewhere ?? []).length > 0
    ? `the public keys that you named are for other streams than ${origin}`
    : 'you named no public key, and hold no checkpoint like it';
}

/** M4.4: a signature by a known key that is wrong rejects the note; lines with other names or ids are skipped. */
async function verifiedKeys(
  checkpoint: SignedCheckpoint,
  auditor: Auditor,
  findings: Findings,
): Promise<NamedPublicKey[]> {
  const { origin, signatures } = checkpoint;
  const verified: NamedPublicKey[] = [];
  for (const { name, keyId, bytes } of signatures) {
    if (name !== origin) continue;
    const candidates = auditor.publicKeys.filter(
      ({ key }) => key.algorithm !== 'kms-hmac-sha256' && noteKeyId(origin, key).toString('hex') === keyId,
    );
    const good: NamedPublicKey[] = [];
    for (const candidate of candidates) {
      const { algorithm, bytes: spki } = candidate.key;
      const line = decodeLogSignature(algorithm, checkpoint, bytes);
      if (line && (await verifySignature(algorithm, spki, line.message, line.signature))) good.push(candidate);
    }
    if (candidates.length > 0 && good.length === 0) {
      findings.add('SIGNATURE_WRONG', `the signature of the checkpoint by key ${keyId} is wrong`);
    }
    for (const key of good) if (!verified.includes(key)) verified.push(key);
  }
  return verified;
}

/** E3.6: what a policy demands of each record. What it demands of a log's completeness is nothing that a proof could say. */
function checkDemands(
  { recordsFloor, require }: Auditor,
  line: RecordLine | undefined,
  signers: readonly NamedPublicKey[],
  findings: Findings,
): void {
  if (recordsFloor === 'mac' && line?.member === 'hash') {
    findings.add('RECORDS_FLOOR', 'your policy demands records with MACs, but this one has a checksum');
  }
  if (require.includes('mac')) {
    findings.add('NO_KEY', 'your policy demands that MACs are checked, which a proof of one record does not allow');
  }
  if (
    (require.includes('signature') || require.includes('post-quantum')) &&
    signers.length === 0 &&
    !findings.has('UNSIGNED') &&
    !findings.has('SIGNATURE_WRONG')
  ) {
    findings.add('UNSIGNED', 'your policy demands a signature, but no public key that you named signed its checkpoint');
  }
}

/** E3.6: enough of the witnesses that the auditor named have cosigned the checkpoint (M8.29). */
async function checkWitnesses(
  { witnessing }: Auditor,
  checkpoint: SignedCheckpoint,
  findings: Findings,
): Promise<void> {
  if (witnessing === undefined) return;
  const { quorum, witnesses } = witnessing;
  const { good, wrong } = await cosignaturesOf(witnesses, checkpoint, (witness, bytes) =>
    verifyCosignature(witness, checkpoint, bytes, verifyWitnessSignature),
  );
  if (wrong !== undefined) {
    findings.add('SIGNATURE_WRONG', `the cosignature of the checkpoint by the witness ${wrong} is wrong`);
    return;
  }
  const cosigned = new Set(good.map(({ witness }) => witness));
  if (isMet(quorum, cosigned)) return;
  const demanded = isGrouped(quorum) ? 'your tlog-policy demands others, or more' : `you demand ${quorum.threshold}`;
  const message = `${cosigned.size} of the witnesses that you named cosigned its checkpoint of ${checkpoint.size} entries; ${demanded}`;
  findings.add('UNWITNESSED', message);
}

function signerOf({ key, givenBy = 'the options' }: NamedPublicKey): ProofReport['signers'][number] {
  const fingerprint = signerFingerprint({ spki: key.bytes });
  return {
    algorithm: key.algorithm,
    ...(fingerprint !== undefined && { fingerprint }),
    givenBy,
  };
}
