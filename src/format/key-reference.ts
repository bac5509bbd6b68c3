import { encodeBase64url } from './base64.ts';
import { isPlainWord, type Members } from './members.ts';
import { isNoteAlgorithm, type NoteAlgorithm, type NoteKey, spkiFor } from './vkey.ts';

/** KEYREF and SIGNER of spec 2: what a key period is sealed with, without any secret. */

/** At most so many signers of a key period (M2.1). */
const MAX_SIGNERS = 16;

/** A key that signs the checkpoints of a key period. */
export interface Signer {
  readonly source: string;
  readonly identity: string;
  readonly algorithm: NoteAlgorithm;
  /** DER SubjectPublicKeyInfo, canonical; absent for `kms-hmac-sha256` only. */
  readonly spki?: Buffer;
}

/** A signer whose algorithm this version does not know: it is spelled as it was read, and never counts (M2.8). */
export interface UnknownSigner {
  readonly source: string;
  readonly identity: string;
  readonly algorithm: string;
  readonly spki: Buffer;
}

/** A key period whose records carry MACs. */
export interface MacKeyReference {
  readonly records: 'mac';
  /** Whether each record has a salt, so that it can be erased (M1.12). */
  readonly salted?: true;
  readonly source: string;
  readonly identity: string;
  /** 32 bytes. */
  readonly nonce: Buffer;
  /** 32 bytes. */
  readonly fp: Buffer;
  readonly wrapped?: Buffer;
  /** Present, with at least one, in the combined mode. */
  readonly signers?: readonly (Signer | UnknownSigner)[];
}

/** A key period whose records carry checksums and whose checkpoints are signed. */
export interface HashKeyReference {
  readonly records: 'hash';
  /** As of {@link MacKeyReference}. */
  readonly salted?: true;
  readonly signers: readonly (Signer | UnknownSigner)[];
}

/** What a key period is sealed with. */
export type KeyReference = MacKeyReference | HashKeyReference;

const isKnown = (signer: Signer | UnknownSigner): signer is Signer => isNoteAlgorithm(signer.algorithm);

/** The signers of a key reference; none in a log with a data key only. Those that this version does not know are left out. */
export function signersOf(reference: KeyReference): readonly Signer[] {
  return (reference.signers ?? []).filter(isKnown);
}

/** M2.8: Whether a signer stands in a key reference whose signatures nobody here can check. */
export function hasUnknownSigner(reference: KeyReference): boolean {
  return reference.signers?.every(isKnown) === false;
}

/** The key that verifies a signer's notes. */
export function noteKeyOf(signer: Signer): NoteKey {
  return { algorithm: signer.algorithm, bytes: signer.spki ?? Buffer.from(signer.identity, 'utf8') };
}

function formatSigner(signer: Signer | UnknownSigner): string {
  const spki = signer.spki === undefined ? '' : `,"spki":"${encodeBase64url(signer.spki)}"`;
  const { source, identity, algorithm } = signer;
  return `{"source":${JSON.stringify(source)},"identity":${JSON.stringify(identity)},"algorithm":"${algorithm}"${spki}}`;
}

/** KEYREF in its one spelling. */
export function formatKeyReference(reference: KeyReference): string {
  const signers = reference.signers && `"signers":[${reference.signers.map(formatSigner).join(',')}]`;
  const salted = reference.salted && '"salted":true';
  if (reference.records === 'hash') return `{${['"records":"hash"', salted, signers].filter(isThere).join(',')}}`;
  const wrapped = reference.wrapped && `"wrapped":"${encodeBase64url(reference.wrapped)}"`;
  const members = [
    '"records":"mac"',
    salted,
    `"source":${JSON.stringify(reference.source)}`,
    `"identity":${JSON.stringify(reference.identity)}`,
    `"nonce":"${encodeBase64url(reference.nonce)}"`,
    `"fp":"${encodeBase64url(reference.fp)}"`,
    wrapped,
    signers,
  ];
  return `{${members.filter(isThere).join(',')}}`;
}

const isThere = (member: string | undefined): boolean => member !== undefined;

/** What a later version may call an algorithm. */
const ALGORITHM_NAME = /^[a-z0-9-]{1,64}$/;

function readSigner(members: Members): Signer | UnknownSigner {
  const source = members.string('source');
  const identity = members.string('identity');
  const algorithm = members.string('algorithm');
  const spki = members.has('spki') ? members.bytes('spki') : undefined;
  if (!isNoteAlgorithm(algorithm)) {
    members.end();
    const skipped = spki !== undefined && ALGORITHM_NAME.test(algorithm);
    if (!skipped && members.isText('algorithm')) unknownAlgorithm(members, algorithm); // else it is malformed already
    return { source, identity, algorithm, spki: spki ?? Buffer.alloc(0) };
  }
  if ((spki === undefined) !== (algorithm === 'kms-hmac-sha256'))
    members.malformed('"spki" does not match the algorithm');
  if (spki !== undefined) {
    members.checkLast(() =>
      spkiFor(algorithm, spki)?.equals(spki) === true
        ? undefined
        : '"spki" is not the canonical public key of its algorithm',
    );
  }
  members.end();
  return spki === undefined ? { source, identity, algorithm } : { source, identity, algorithm, spki };
}

function unknownAlgorithm(members: Members, algorithm: string): void {
  members.unsupported(isPlainWord(algorithm) ? `"algorithm": "${algorithm}"` : 'another "algorithm"');
}

/** M2.8: A signer that this version does not know is skipped beside one that it knows. */
function readSigners(members: Members): (Signer | UnknownSigner)[] {
  const list = members.list('signers');
  if (list.length === 0) members.malformed('"signers" is empty');
  if (list.length > MAX_SIGNERS) members.malformed(`"signers" has more than ${MAX_SIGNERS} elements`);
  const signers = list.map((item) => readSigner(members.nested(item)));
  const [first] = signers;
  if (first !== undefined && first.algorithm !== '' && !signers.some(isKnown))
    unknownAlgorithm(members, first.algorithm);
  return signers;
}

/** Reads KEYREF. Problems are noted in `members`. */
export function readKeyReference(members: Members): KeyReference {
  const records = members.oneOf('records', ['mac', 'hash'] as const);
  const flag = members.flag('salted');
  const salted = flag && { salted: flag };
  if (records === 'hash') {
    const signers = readSigners(members);
    members.end();
    return { records, ...salted, signers };
  }
  const reference: MacKeyReference = {
    records,
    ...salted,
    source: members.string('source'),
    identity: members.string('identity'),
    nonce: members.bytes('nonce', 32),
    fp: members.bytes('fp', 32),
    ...(members.has('wrapped') && { wrapped: members.bytes('wrapped') }),
    ...(members.has('signers') && { signers: readSigners(members) }),
  };
  members.end();
  return reference;
}
