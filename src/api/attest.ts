import { basename } from 'node:path';
import { TamperError } from '../errors.ts';
import {
  formatEnvelope,
  formatStatement,
  IN_TOTO_PAYLOAD,
  preAuthEncoding,
  type SealedLogStatement,
  type StatementSubject,
  type VerifiedProperty,
} from '../format/evidence/attestation.ts';
import { digestOfPackage, ownVersion } from '../foundation/own-package.ts';
import { isLocation } from '../storage/location.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import { oneStream } from '../verify/prove-record.ts';
import type { StreamReport, VerifyReport } from '../verify/verdict/report.ts';
import { verify } from '../verify/verify.ts';
import { AuditorKeys } from './auditor-keys.ts';
import { type EvidenceSigner, namedSigner, publicSigningKey, signedWith } from './evidence-signer.ts';
import { withKeys } from './open-keys.ts';
import { type AttestOptions, checkAttestOptions } from './proof-options.ts';

/** The statement of sealed files, signed (spec/evidence.md, section 4). */

/** A key service takes a message of at most so many bytes to sign; AWS KMS has the smallest limit. */
const MAX_MESSAGE = 4096;

/** What was attested, or the report that says why nothing was. */
export interface AttestedFiles {
  readonly report: VerifyReport;
  /** A DSSE envelope as one line of JSON with its LF; absent where the verdict is not ok. */
  readonly envelope?: string;
}

/** As {@link attestFiles} with the options of the package. Without `keys` the log must be signed by the key that signs here. */
export async function attestAs(options: AttestOptions): Promise<AttestedFiles> {
  checkAttestOptions(options);
  const { signer, signingKey, ...rest } = options;
  const by = namedSigner(signer, signingKey);
  const keys = rest.keys ?? new AuditorKeys({ provider: signer, signingKey: by.keyId });
  return withKeys({ ...rest, keys }, (input) => attestFiles(input, by));
}

/**
 * E4.1 to E4.3: verifies files of one stream, and where the verdict is ok signs an in-toto statement about them.
 *
 * @throws {@link TamperError} what `verify` and the signing throw; `USAGE`, `KEY_WRONG_USAGE`, `FORMAT_LIMIT`,
 *   `SIGNATURE_REJECTED`; `VERIFY_FAILED`: the log is not proven to its end
 */
export async function attestFiles(options: VerifyOptions, by: EvidenceSigner): Promise<AttestedFiles> {
  const subjectsOf = namedSubjects(options.paths);
  const key = await publicSigningKey(by);
  refuseOtherThanFiles(options);
  const report = await verify({ ...options, digestFiles: true, jobs: 1 }); // other processes would digest nothing
  if (report.verdict !== 'ok') return { report };
  const stream = oneStream(report, options);
  refuseUnproven(stream, options.part === true);
  const verifier = { version: await ownVersion(), sha256: (await digestOfPackage()).sha256 };
  const log = logOf(stream);
  const payload = formatStatement(subjectsOf(report, stream), {
    verifier: { ...verifier, policySha256: options.policy?.sha256 },
    time: new Date().toISOString(),
    properties: propertiesOf(stream, log),
    log,
  });
  const message = preAuthEncoding(IN_TOTO_PAYLOAD, payload);
  if (message.length > MAX_MESSAGE) {
    throw new TamperError(
      'FORMAT_LIMIT',
      `the statement has ${message.length} bytes, but a key service signs at most ${MAX_MESSAGE}`,
      { hint: 'Attest fewer files at a time.' },
    );
  }
  const bytes = await signedWith(by, key, message);
  return { report, envelope: formatEnvelope(IN_TOTO_PAYLOAD, payload, [{ keyid: key.fingerprint, bytes }]) };
}

/** E4.1: files as their writer wrote them, digested in the reading that verifies them. @throws {@link TamperError} `USAGE` */
function refuseOtherThanFiles(options: VerifyOptions): void {
  for (const name of ['live', 'demux', 'unwrap'] as const) {
    if (options[name] === undefined || options[name] === false) continue;
    throw new TamperError('USAGE', `with ${name} there are no files that can be attested`, {
      hint: 'A statement is about whole files, as their writer closed them.',
    });
  }
  const location = options.stored?.length ? 'an object of a bucket' : options.paths.find(isLocation);
  if (location !== undefined) {
    throw new TamperError('USAGE', `${location} is not a file that can be attested`, {
      hint: 'Download the objects and attest the files: anyone who checks the statement needs files, too.',
    });
  }
  if (options.paths.includes('-')) throw new TamperError('USAGE', 'standard input is not a file that can be attested');
}

/** E4.1: what a policy's `end` lets pass may be unsealed behind the proven end, or still be written. */
function refuseUnproven({ origin, end, lastSeq, provenSize }: StreamReport, isPart: boolean): void {
  const isOver = end !== 'open' || isPart;
  if (isOver && provenSize >= lastSeq) return;
  const why = !isOver ? 'is still written' : `is proven up to entry ${provenSize} of ${lastSeq} alone`;
  throw new TamperError('VERIFY_FAILED', `the log ${origin} ${why}, so its files are not attested`, {
    hint: 'Attest files of a log that was closed, and whose last checkpoint is in them.',
  });
}

/** Every path is a file of its own name, and was read; of an erasure log nothing is stated. */
function namedSubjects(paths: readonly string[]): (report: VerifyReport, stream: StreamReport) => StatementSubject[] {
  const named = paths.map((path) => ({ path, name: basename(path).replace(/\.gz$/, '') }));
  for (const [at, { name, path }] of named.entries()) {
    if (named.findIndex((one) => one.name === name) === at) continue;
    throw new TamperError('USAGE', `two files to attest are called ${name}: ${path} is the second one`);
  }
  return ({ streams }, stream) => {
    const digestIn = ({ fileDetails = [] }: StreamReport, path: string): string | undefined =>
      fileDetails.find(({ file }) => file === path)?.sha256;
    return named.flatMap(({ path, name }) => {
      const sha256 = digestIn(stream, path);
      if (sha256 !== undefined) return { name, sha256 };
      if (streams.some((other) => digestIn(other, path) !== undefined)) return [];
      throw new TamperError('USAGE', `${path} is a directory, or contains nothing that another file does not contain`, {
        hint: 'Name each file to attest, and each one once.',
      });
    });
  };
}

function logOf(stream: StreamReport): SealedLogStatement {
  const { origin, firstSeq, lastSeq, records, erased, end, endTime, checkpoint, keys, witnessed, dated } = stream;
  const fingerprints = keys.flatMap(({ signers }) => signers.flatMap(({ fingerprint }) => fingerprint ?? []));
  const stamp = dated?.toSorted((one, other) => other.size - one.size)[0];
  return {
    origin,
    firstSeq,
    lastSeq,
    records,
    ...(erased !== undefined && { erased: erased.records }),
    end,
    ...(endTime !== undefined && { endTime }),
    ...(checkpoint !== undefined && { checkpoint }),
    signers: [...new Set(fingerprints)],
    ...(witnessed && { witnessed: { required: witnessed.required, size: witnessed.size } }),
    ...(stamp && { dated: { size: stamp.size, time: stamp.time, authority: stamp.authority } }),
    warnings: [...new Set(stream.findings.map(({ code }) => code))],
  };
}

/** Each holds for every entry of the files. */
function propertiesOf({ keys, lastSeq }: StreamReport, { witnessed, dated, warnings }: SealedLogStatement) {
  const checkedBy = (how: 'signature' | 'mac'): boolean => keys.every((key) => key.checkedBy.includes(how));
  const held: readonly (readonly [VerifiedProperty, boolean])[] = [
    ['CHECKED_BY_SIGNATURE', checkedBy('signature')],
    ['CHECKED_BY_MAC', checkedBy('mac')],
    ['WITNESSED', witnessed !== undefined && witnessed.required > 0 && witnessed.size >= lastSeq],
    ['TIME_STAMPED', dated !== undefined && dated.size >= lastSeq],
    ['WITHOUT_WARNINGS', warnings.length === 0],
  ];
  return held.filter(([, holds]) => holds).map(([property]) => property);
}
