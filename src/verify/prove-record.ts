import { TamperError } from '../errors.ts';
import { formatRecordExtra } from '../format/evidence/record-extra.ts';
import { formatTlogProof } from '../format/evidence/tlog-proof.ts';
import { formatVkey } from '../format/vkey.ts';
import type { SigningKey } from '../keys/provider.ts';
import type { VerifyOptions } from './auditor/options.ts';
import { EntryProof, type ProofParts } from './proof/entry-proof.ts';
import { lackingNotes, NoteKeys } from './proof/note-lines.ts';
import type { Keeping } from './stream/kept-records.ts';
import type { StreamReport, VerifyReport } from './verdict/report.ts';
import { verifyKeeping } from './verify.ts';
import { verifyProof } from './verify-proof.ts';

/** The proof of one record, taken out of a log that was verified in the same pass (spec/evidence.md). */

/** What to verify, and which of its records to prove. */
export interface ProveOptions extends VerifyOptions {
  /** SEQ of the record, from 1: what stands in its line as `"seq"`. */
  readonly seq: number;
  /** Verifier keys of note keys (Ed25519) that must have signed the checkpoint of the proof besides; they count for nothing. */
  readonly noteKeys?: readonly string[];
}

/** Why there is no proof of a record although the log is ok. */
export interface ProofRefusal {
  /**
   * `NO_ENTRY`: no entry with this seq is in the files. `NOT_A_RECORD`: it is a control entry, not a line of the application.
   * `ERASED`: the record was erased, so there is nothing left to prove. `UNSIGNED`: no checkpoint over it is signed by a public
   * key that was named, and by each of the note keys. `UNWITNESSED`: none that is has the cosignatures that are demanded, all
   * under it and within 64 KiB; witnesses of a log that is ok may have cosigned different ones.
   */
  readonly code: 'NO_ENTRY' | 'NOT_A_RECORD' | 'ERASED' | 'UNSIGNED' | 'UNWITNESSED';
  readonly message: string;
}

/** A COSE receipt of inclusion (RFC 9942), and what it is checked with (spec/evidence.md, section 6). */
export interface RecordReceipt {
  /** COSE_Sign1 in CBOR, to be stored as `NAME.cose`. */
  readonly bytes: Uint8Array;
  /** The leaf of the record: nobody can check the receipt without it. Of a record with a salt it does not show the line. */
  readonly leaf: Uint8Array;
}

/** A proof, or why there is none. */
export interface ProvedRecord {
  /** The report on the whole log; a proof is made only where its verdict is ok. */
  readonly report: VerifyReport;
  /** The text of a C2SP tlog-proof, to be stored as `NAME.tlog-proof`; absent where there is none, and with `format: 'cose'`. */
  readonly proof?: string;
  /** With `format: 'cose'`, in place of `proof`. */
  readonly receipt?: RecordReceipt;
  /** Why there is none, where the verdict is ok. */
  readonly refusal?: ProofRefusal;
}

class EntryProofs implements Keeping {
  readonly #seq: number;
  readonly #noteKeys: NoteKeys;
  #all: EntryProof[] = [];

  constructor(seq: number, noteKeys: NoteKeys) {
    this.#seq = seq;
    this.#noteKeys = noteKeys;
  }

  begin(): void {
    this.#all = [];
  }

  keeper(): EntryProof {
    const one = new EntryProof(this.#seq, this.#noteKeys);
    this.#all.push(one);
    return one;
  }

  get one(): EntryProof | undefined {
    return this.#all.find(({ isThere }) => isThere);
  }
}

/**
 * Verifies, and where the verdict is ok proves one record: in one pass, in memory that does not grow with the log, against the
 * smallest checkpoint over it that a named public key signed and enough witnesses cosigned (E2.1). `jobs` is not used.
 *
 * @throws {@link TamperError} what `verify` throws; `USAGE` where the files hold more than one stream besides the erasure logs
 *   that the policy names
 */
export async function proveRecord(options: ProveOptions): Promise<ProvedRecord> {
  const { parts: _, ...proved } = await proveEntry(options);
  return proved;
}

/** {@link proveRecord}, with what the proof was made of. */
export async function proveEntry({
  seq,
  noteKeys,
  ...options
}: ProveOptions): Promise<ProvedRecord & { parts?: ProofParts }> {
  const proofs = new EntryProofs(seq, new NoteKeys(noteKeys));
  const confirmed: SigningKey[] = [];
  // leaves that another process checks are not seen here one by one
  const report = await verifyKeeping({ ...options, ...remembering(options, confirmed), jobs: 1 }, proofs);
  if (report.verdict !== 'ok') return { report };
  const stream = oneStream(report, options);
  const entry = proofs.one;
  const refusal = refusalOf(entry, seq, stream);
  if (refusal !== undefined) return { report, refusal };
  const parts = entry?.parts as ProofParts;
  const { index, proof: hashes, note } = parts;
  const proof = formatTlogProof({ extra: formatRecordExtra(parts), index, proof: hashes, note });
  // what goes out must hold: whoever gets it cannot ask for another one
  const publicKeys = [...(options.publicKeys ?? []), ...vkeysOf(stream.origin, confirmed)];
  const { findings, verdict } = await verifyProof(Buffer.from(proof, 'utf8'), { ...options, publicKeys });
  if (verdict === 'tampered') throw new TamperError('INTERNAL', `the proof of entry ${seq} does not hold`);
  const unmet = findings.find(({ code }) => code !== 'NO_KEY'); // that MACs are checked no proof can show (E3.6)
  if (unmet === undefined) return { report, proof, parts };
  const code = unmet.code === 'UNWITNESSED' ? unmet.code : 'UNSIGNED';
  return { report, refusal: { code, message: `a proof would not meet your demands: ${unmet.message}` } };
}

/** A proof has no key periods to ask a key service about, so it is checked with the keys that the service confirmed in the log. */
function remembering(
  { confirmSigner }: VerifyOptions,
  confirmed: SigningKey[],
): Required<Pick<VerifyOptions, 'confirmSigner'>> | undefined {
  if (confirmSigner === undefined) return undefined;
  return {
    confirmSigner: async (signer) => {
      const isNamed = await confirmSigner(signer);
      if (isNamed) confirmed.push(signer);
      return isNamed;
    },
  };
}

function vkeysOf(origin: string, signers: readonly SigningKey[]): string[] {
  const vkeys = signers.flatMap(({ algorithm, spki }) =>
    spki === undefined ? [] : [formatVkey(origin, { algorithm, bytes: Buffer.from(spki) })],
  );
  return [...new Set(vkeys)];
}

/** The one stream of a report besides the erasure logs of the policy. @throws {@link TamperError} `USAGE` */
export function oneStream(report: VerifyReport, { policy }: VerifyOptions): StreamReport {
  const [stream, ...others] = report.streams.filter(({ origin }) => !policy?.erasures?.includes(origin));
  if (stream === undefined) throw new TamperError('USAGE', 'the files hold only an erasure log');
  if (others.length === 0) return stream;
  const origins = [stream, ...others].map(({ origin }) => origin);
  throw new TamperError('USAGE', `the files hold ${origins.length} streams`, {
    hint: `Choose one with --origin: ${origins.join(', ')}`,
  });
}

function refusalOf(
  entry: EntryProof | undefined,
  seq: number,
  { origin, firstSeq, lastSeq, erased, witnessed }: StreamReport,
): ProofRefusal | undefined {
  if (entry === undefined) {
    return { code: 'NO_ENTRY', message: `the log has no entry ${seq}: here are entries ${firstSeq} to ${lastSeq}` };
  }
  if (entry.isErased) {
    // R2.5; where a record is on record as erased and still here, the verdict is not ok (R2.2)
    const by = erased?.list.find((one) => one.seq === seq);
    const how = by === undefined ? '' : ` by ${by.who} at ${by.time} (${by.reason})`;
    return { code: 'ERASED', message: `entry ${seq} was erased${how}, so nothing is left of it to prove` };
  }
  if (!entry.isRecord) {
    return {
      code: 'NOT_A_RECORD',
      message: `entry ${seq} is a control entry of the log, not a line of the application`,
    };
  }
  if (entry.parts !== undefined) return undefined;
  const lacking = lackingNotes(entry.lines, origin);
  if (lacking !== undefined) {
    const why = `no checkpoint over entry ${seq} that a named public key signed carries a right signature of the note key ${lacking}`;
    return { code: 'UNSIGNED', message: `${why}; leave out note keys that the writer had only later, or never` };
  }
  if (witnessed !== undefined && entry.isSigned) {
    const why = `no signed checkpoint over entry ${seq} has all the cosignatures that you demand, in a note of at most 64 KiB`;
    return { code: 'UNWITNESSED', message: `${why}; those of different checkpoints do not add up in a proof` };
  }
  const message = `no checkpoint over entry ${seq} is signed by a public key that you named; without one no one else can check a proof`;
  return { code: 'UNSIGNED', message };
}
