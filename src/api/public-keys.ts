import { createPublicKey } from 'node:crypto';
import { mlDsaOf } from '../core/ml-dsa.ts';
import { isError, TamperError } from '../errors.ts';
import { parseWitnessVkey } from '../format/cosignature.ts';
import { isTlogPolicy, parseTlogPolicy, type WitnessGroup } from '../format/tlog-policy.ts';
import { formatVkey, parseVkey } from '../format/vkey.ts';
import { readText } from '../foundation/read-text.ts';
import { algorithmOf, toCanonicalSpki } from '../keys/public-key.ts';

/** A PEM names no stream. A name that no stream can have says so, whatever streams are verified (M8.17). */
export const ANY_STREAM = '*';

function fromPem(path: string, pem: string): string[] {
  try {
    const bytes = toCanonicalSpki(pem, path);
    const mlDsa = mlDsaOf(bytes);
    if (mlDsa !== undefined) return [formatVkey(ANY_STREAM, { algorithm: mlDsa, bytes })];
    const key = createPublicKey(pem);
    // an RSA key does not say its padding: it is named for both
    const schemes = key.asymmetricKeyType === 'rsa' ? (['pss', 'pkcs1'] as const) : (['pss'] as const);
    return schemes.map((scheme) => formatVkey(ANY_STREAM, { algorithm: algorithmOf(key, scheme, path), bytes }));
  } catch (error) {
    if (!isError(error)) throw error;
    throw new TamperError('KEY_MALFORMED', `${path} contains no public key of a kind that signs checkpoints`, {
      cause: error,
      hint: 'Signing keys are Ed25519, ECDSA on P-256 or P-384, RSA or ML-DSA. To write one anew, as -----BEGIN PUBLIC KEY-----: openssl pkey -pubin -in FILE -pubout -out KEY.pem',
    });
  }
}

/**
 * Reads the public keys of a file: verifier keys (`NAME+ID+KEY`, one a line, `#` begins a comment) or one PEM.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `KEY_MALFORMED`, `FORMAT_INVALID`
 */
export async function loadPublicKeys(path: string): Promise<string[]> {
  const text = await readText(path);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new TamperError('KEY_MALFORMED', `${path} contains a private key, but a verifier takes public keys`, {
      hint: 'An auditor should not have it. To get its public half: openssl pkey -pubout -in FILE -out PUBLIC.pem; keygen wrote it to NAME.pub.',
    });
  }
  if (text.includes('-----BEGIN')) return fromPem(path, text);
  const vkeys: string[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const vkey = line.trim();
    if (vkey === '' || vkey.startsWith('#')) continue;
    parseVkey(vkey, `${path}:${at + 1}`);
    vkeys.push(vkey);
  }
  if (vkeys.length > 0) return vkeys;
  throw new TamperError('KEY_MALFORMED', `${path} contains no public key`, {
    hint: 'It must contain verifier keys as keygen and verify print them, or a PEM.',
  });
}

/** What a verifier key ends with; a file is seldom called so. */
const WITNESS_VKEY = /^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/;

/**
 * The verifier keys of witnesses: `given` itself, or those of the file of that name, one a line, `#` begins a comment. If the
 * file is a C2SP tlog-policy, the groups that its quorum line demands.
 *
 * @throws {@link TamperError} `FORMAT_INVALID`, `KEY_NOT_FOUND`, `NOT_FOUND`, `READ_FAILED`
 */
export async function loadWitnesses(given: string): Promise<string[] | WitnessGroup> {
  if (typeof given !== 'string' || given === '')
    throw new TamperError('USAGE', 'loadWitnesses takes a verifier key, or the path of a file');
  if (WITNESS_VKEY.test(given)) {
    parseWitnessVkey(given, 'a witness that was named');
    return [given];
  }
  const text = await readText(given);
  if (isTlogPolicy(text)) return parseTlogPolicy(text, given);
  const vkeys: string[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const vkey = line.trim();
    if (vkey === '' || vkey.startsWith('#')) continue;
    parseWitnessVkey(vkey, `${given}:${at + 1}`);
    vkeys.push(vkey);
  }
  if (vkeys.length > 0) return vkeys;
  throw new TamperError('KEY_NOT_FOUND', `${given} contains no verifier key of a witness`, {
    hint: 'It must contain verifier keys as witnesses publish them, one a line, or be a C2SP tlog-policy.',
  });
}
