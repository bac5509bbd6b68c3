import { createHash, X509Certificate } from 'node:crypto';
import type { Certificate, Extension, SignedData, SignedDataVerifyResult, TSTInfo } from 'pkijs';
import { isError, isTamperError, systemCode, TamperError } from '../errors.ts';

/** Time-stamp tokens of RFC 3161 in the answers that carry them: what `openssl ts` calls a reply, `.tsr`. */

type Pki = typeof import('pkijs');

/** An answer is at most so long, in bytes: a token with its chain is a few thousand. */
export const TOKEN_LIMIT = 262_144;

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
/** ESSCertID with SHA-1 (RFC 3161, 2634), ESSCertIDv2 (RFC 5816, 5035). */
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12';
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
const KEY_USAGE = '2.5.29.15';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
/** Extensions that may be critical: those, names and their constraints, and policies, which pkijs judges. */
const UNDERSTOOD: readonly string[] = [
  ...[KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE],
  ...['2.5.29.17', '2.5.29.30', '2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.54'],
];
/** SEQUENCE with the one purpose id-kp-timeStamping. */
const TIME_STAMPING_ALONE = '300a06082b06010505070308';
const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** PKIStatus granted and grantedWithMods (RFC 3161 section 2.4.2). */
const GRANTED: readonly number[] = [0, 1];

/** What a valid token says. */
export interface TimeStamp {
  /** `genTime`: the text existed then, by the authority's clock. */
  readonly time: Date;
  /** Subject of the certificate that signed, on one line. */
  readonly authority: string;
  /** When that certificate ends: from then on a stolen key of the authority may say any time. */
  readonly validUntil: Date;
  /** Nonce of the query, as hex; undefined without one. */
  readonly nonce: string | undefined;
}

async function loadPki(): Promise<Pki> {
  try {
    return await import('pkijs');
  } catch (cause) {
    const absent = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(systemCode(cause));
    throw new TamperError(
      'DEPENDENCY_MISSING',
      absent ? 'time stamps require pkijs. Install it with: npm install pkijs' : 'pkijs could not be loaded',
      { cause, hint: 'Install it with: npm install pkijs' },
    );
  }
}

/**
 * Verifies a time stamp (RFC 3161 section 2.2): the status, the message imprint over SHA-256, SHA-384 or SHA-512 of `text`, the
 * signature, that its certificate is the one that the signed attributes name and is for time stamping alone (critical), and
 * its chain to one of `authorities` (RFC 5280, section 6) as it was at the time that the token says. Revocation is not asked
 * about.
 *
 * @param reply - a TimeStampResp in DER
 * @param authorities - certificates that the auditor trusts, DER
 * @param place - where it stands, for the message
 * @throws {@link TamperError} `TIMESTAMP_INVALID`, `DEPENDENCY_MISSING`
 */
export async function verifyTimeStamp(
  reply: Uint8Array,
  text: Uint8Array,
  authorities: readonly Uint8Array[],
  place: string,
): Promise<TimeStamp> {
  const pki = await loadPki();
  try {
    return await verifyWith(pki, Uint8Array.from(reply), Uint8Array.from(text), authorities);
  } catch (error) {
    if (isTamperError(error)) throw error;
    if (!isError(error)) throw error;
    const why =
      error instanceof Refused ? error.message : 'it cannot be read, or its signature or chain does not verify';
    throw new TamperError('TIMESTAMP_INVALID', `${place} is not a valid time stamp of this checkpoint: ${why}`, {
      cause: error,
      hint: '`openssl ts -reply -in FILE -text` shows what it says. Name the root certificate of its authority with --tsa-certificate.',
    });
  }
}

const NOT_ITS_CHAIN = 'its chain begins with another certificate: name the root certificate alone';

class Refused extends Error {}

function refuseUnless(ok: boolean, why: string): void {
  if (!ok) throw new Refused(why);
}

/** How many bytes the DER value has that begins here; undefined where none does (X.690, 8.1.3). */
function derLength(bytes: Uint8Array): number | undefined {
  const first = bytes[1];
  if (first === undefined || first < 0x80) return first === undefined ? undefined : 2 + first;
  const count = first - 0x80;
  if (count < 1 || count > 4) return undefined;
  const length = bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  return 2 + count + length;
}

async function verifyWith(
  pki: Pki,
  reply: Uint8Array<ArrayBuffer>,
  text: Uint8Array<ArrayBuffer>,
  authorities: readonly Uint8Array[],
): Promise<TimeStamp> {
  refuseUnless(derLength(reply) === reply.length, 'it is not one DER value from its first byte to its last');
  const response = pki.TimeStampResp.fromBER(reply);
  refuseUnless(GRANTED.includes(response.status.status), `the authority refused (status ${response.status.status})`);
  const { timeStampToken } = response;
  if (timeStampToken?.contentType !== SIGNED_DATA) throw new Refused('it holds no signed data');
  const signed = new pki.SignedData({ schema: timeStampToken.content });
  const { eContent, eContentType } = signed.encapContentInfo;
  if (eContent === undefined || eContentType !== TST_INFO) throw new Refused('the signed content is not a TSTInfo');
  const info = pki.TSTInfo.fromBER(eContent.getValue());
  checkImprint(info, text);
  const trustedCerts = authorities.map((der) => pki.Certificate.fromBER(Uint8Array.from(der)));
  const { signerInfos } = signed;
  refuseUnless(signerInfos.length === 1, 'it has more than one signer, or none');
  const verdict = await verifySigned(signed, text, trustedCerts);
  const { signerCertificate } = verdict;
  if (verdict.signatureVerified !== true || !signerCertificate) throw new Refused('its signature is wrong');
  checkUsage(signerCertificate);
  checkChain(signerCertificate, verdict.certificatePath);
  const der = Buffer.from(signerCertificate.toSchema().toBER());
  checkAttributes(signed, der);
  const { subject } = new X509Certificate(der);
  const nonce = info.nonce === undefined ? undefined : Buffer.from(info.nonce.valueBlock.valueHexView).toString('hex');
  const validUntil = signerCertificate.notAfter.value;
  return { time: info.genTime, authority: subject.replaceAll('\n', ', '), validUntil, nonce };
}

/** The chain is judged at `genTime`: a certificate that has expired since was good when it signed. */
async function verifySigned(
  signed: SignedData,
  text: Uint8Array<ArrayBuffer>,
  trustedCerts: Certificate[],
): Promise<SignedDataVerifyResult> {
  const data = text.buffer;
  try {
    return await signed.verify({ signer: 0, data, trustedCerts, checkChain: true, extendedMode: true });
  } catch (error) {
    if (!isError(error)) throw error;
    throw new Refused(error.message.replace(/^Error during verification: /, ''), { cause: error });
  }
}

function checkImprint({ messageImprint, extensions = [], version }: TSTInfo, text: Uint8Array): void {
  const hash = HASHES[messageImprint.hashAlgorithm.algorithmId];
  if (hash === undefined) throw new Refused('it is over a hash that is not SHA-256, SHA-384 or SHA-512');
  const imprint = Buffer.from(messageImprint.hashedMessage.valueBlock.valueHexView);
  refuseUnless(imprint.equals(createHash(hash).update(text).digest()), 'it is over something else');
  refuseUnless(version === 1, `its version is ${version}`);
  refuseUnless(!extensions.some(({ critical }) => critical), 'it has a critical extension');
}

const soleExtension = ({ extensions = [] }: Certificate, id: string): Extension | undefined => {
  const found = extensions.filter(({ extnID }) => extnID === id);
  refuseUnless(found.length < 2, 'one of its certificates has an extension twice'); // RFC 5280, 4.2
  return found[0];
};

const derOf = (extension: Extension): Buffer => Buffer.from(extension.extnValue.valueBlock.valueHexView);

/** RFC 3161 section 2.3: the certificate is for time stamping and nothing else, and says so as critical. */
function checkUsage(certificate: Certificate): void {
  const usage = soleExtension(certificate, EXTENDED_KEY_USAGE);
  const isAlone = usage?.critical === true && derOf(usage).toString('hex') === TIME_STAMPING_ALONE;
  refuseUnless(isAlone, 'its certificate is not one for time stamping alone (critical extended key usage)');
  const key = soleExtension(certificate, KEY_USAGE);
  // BIT STRING with digitalSignature (0), contentCommitment (1) or both
  const signs = key === undefined || ['03020780', '03020640', '030206c0'].includes(derOf(key).toString('hex'));
  refuseUnless(signs, 'its certificate is for something else than signatures (key usage)');
}

/** What pkijs leaves open of RFC 5280, section 6: whose chain it is, what is critical, and how long it may be (4.2.1.9). */
function checkChain(signer: Certificate, path: readonly Certificate[]): void {
  const [first] = path;
  refuseUnless(first?.tbsView !== undefined && Buffer.from(first.tbsView).equals(signer.tbsView), NOT_ITS_CHAIN);
  let between = 0;
  for (const certificate of path) {
    const { issuer, subject, extensions = [] } = certificate;
    const isUnderstood = extensions.every(({ critical, extnID }) => !critical || UNDERSTOOD.includes(extnID));
    refuseUnless(isUnderstood, 'one of its certificates has a critical extension that is not known here');
    const constraints: unknown = soleExtension(certificate, BASIC_CONSTRAINTS)?.parsedValue;
    if (certificate === first) continue;
    const limit = limitOf(constraints);
    refuseUnless(limit === undefined || between <= limit, 'its chain is longer than one of its authorities allows');
    if (!issuer.isEqual(subject)) between++;
  }
}

/** `pathLenConstraint`: a number, or of one that is longer than four bytes an object, which is no limit. */
function limitOf(constraints: unknown): number | undefined {
  const limit: unknown = Reflect.get(Object(constraints), 'pathLenConstraint');
  return typeof limit === 'number' ? limit : undefined;
}

/** RFC 3161 section 2.4.2: the signed attributes say what was signed, and with which certificate. */
function checkAttributes({ signerInfos }: SignedData, certificate: Buffer): void {
  const [signer] = signerInfos;
  const digest = HASHES[signer?.digestAlgorithm.algorithmId ?? ''];
  refuseUnless(digest !== undefined, 'it is signed over a hash that is not SHA-256, SHA-384 or SHA-512');
  const attributes = signer?.signedAttrs?.attributes ?? [];
  const soleValue = (type: string): Buffer | undefined => {
    const values = attributes
      .filter((attribute) => attribute.type === type)
      .flatMap(({ values }) => values as Encoded[]);
    return values.length === 1 ? Buffer.from(values[0]?.toBER() ?? new ArrayBuffer(0)) : undefined;
  };
  // OBJECT IDENTIFIER id-ct-TSTInfo
  const isInfo = soleValue(CONTENT_TYPE)?.toString('hex') === '060b2a864886f70d0109100104';
  refuseUnless(isInfo, 'its signed attributes are about something else');
  const [v1, v2] = [soleValue(SIGNING_CERTIFICATE), soleValue(SIGNING_CERTIFICATE_V2)];
  const names = (value: Buffer | undefined, hashes: readonly string[]): boolean =>
    hashes.some((hash) => value?.includes(octets(createHash(hash).update(certificate).digest())) === true);
  const named = names(v1, ['sha1']) || names(v2, Object.values(HASHES));
  refuseUnless(named, 'its signed attributes name another certificate');
}

interface Encoded {
  toBER(): ArrayBuffer;
}

/** An OCTET STRING of less than 128 bytes. */
function octets(bytes: Buffer): Buffer {
  return Buffer.concat([Uint8Array.of(0x04, bytes.length), bytes]);
}
