import { createHash } from 'node:crypto';
import type { Signature, SigningKey } from '../../keys/provider.ts';
import { verifySignature } from '../../keys/signature.ts';
import { corrupted } from '../internal/service-error.ts';
import type { GcpAlgorithm } from './algorithms.ts';
import type { GcpKmsConnection } from './connection.ts';
import { assertVerified, checkedBytes, checksum, viewOf } from './integrity.ts';
import { parseKeyName, versionNumber } from './resource-name.ts';

/** A data key as the service wrapped it. */
export interface WrappedKey {
  /** The version that wrapped it. */
  readonly identity: string;
  readonly wrapped: Buffer;
}

/**
 * Wraps a data key. `keyId` is a CryptoKey, whose primary version is used, or a version.
 *
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable): a checksum or the name in the reply does not fit
 */
export async function encryptKey(
  connection: GcpKmsConnection,
  keyId: string,
  material: Uint8Array,
  aad: Uint8Array,
  signal: AbortSignal,
): Promise<WrappedKey> {
  const what = `Google Cloud KMS encrypt "${keyId}"`;
  const [reply] = await connection.attempt(
    { operation: 'getKey', method: 'encrypt', resource: keyId },
    signal,
    (client, options) =>
      client.encrypt(
        {
          name: keyId,
          plaintext: viewOf(material),
          plaintextCrc32c: checksum(material),
          additionalAuthenticatedData: viewOf(aad),
          additionalAuthenticatedDataCrc32c: checksum(aad),
        },
        options,
      ),
  );
  const { key, version } = parseKeyName(keyId);
  const identity = reply.name ?? '';
  if (versionNumber(key, identity) === undefined || (version !== undefined && identity !== keyId)) {
    throw corrupted(what, 'the reply names another key');
  }
  assertVerified(what, 'plaintext', reply.verifiedPlaintextCrc32c);
  assertVerified(what, 'additional_authenticated_data', reply.verifiedAdditionalAuthenticatedDataCrc32c);
  const wrapped = checkedBytes(what, 'ciphertext', reply.ciphertext, reply.ciphertextCrc32c);
  return { identity, wrapped: Buffer.from(wrapped) };
}

/**
 * Unwraps a data key. `key` is a CryptoKey, never a version: the service finds the version in the ciphertext.
 *
 * @returns the plaintext in the SDK's own memory, for the caller to overwrite
 * @throws {TamperError} `WRONG_KEY_OR_CONTEXT`: altered, or of another key or context; `RESPONSE_CORRUPTED` (retryable)
 */
export async function decryptKey(
  connection: GcpKmsConnection,
  key: string,
  wrapped: Uint8Array,
  aad: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const [reply] = await connection.attempt(
    { operation: 'recoverKey', method: 'decrypt', resource: key },
    signal,
    (client, options) =>
      client.decrypt(
        {
          name: key,
          ciphertext: viewOf(wrapped),
          ciphertextCrc32c: checksum(wrapped),
          additionalAuthenticatedData: viewOf(aad),
          additionalAuthenticatedDataCrc32c: checksum(aad),
        },
        options,
      ),
  );
  return checkedBytes(`Google Cloud KMS decrypt "${key}"`, 'plaintext', reply.plaintext, reply.plaintextCrc32c);
}

/** The length of an HMAC-SHA-256. */
const macBytes = 32;

/**
 * Has one version make a MAC.
 *
 * @returns 32 bytes
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable): a checksum, the name or the length does not fit
 */
export async function requestMac(
  connection: GcpKmsConnection,
  identity: string,
  data: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer> {
  const what = `Google Cloud KMS macSign "${identity}"`;
  const call = { operation: 'sign', method: 'macSign', resource: identity } as const;
  const [reply] = await connection.attempt(call, signal, (client, options) =>
    client.macSign({ name: identity, data: viewOf(data), dataCrc32c: checksum(data) }, options),
  );
  if (reply.name !== identity) throw corrupted(what, 'the reply names another version');
  assertVerified(what, 'data', reply.verifiedDataCrc32c);
  const mac = checkedBytes(what, 'mac', reply.mac, reply.macCrc32c);
  if (mac.length !== macBytes) throw corrupted(what, `the MAC has ${mac.length} bytes instead of ${macBytes}`);
  return Buffer.from(mac);
}

/**
 * Has one version check a MAC.
 *
 * @returns false only where the service says so, and says it twice
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable): a checksum, the name or the answer itself does not fit
 */
export async function verifyMac(
  connection: GcpKmsConnection,
  identity: string,
  data: Uint8Array,
  mac: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const what = `Google Cloud KMS macVerify "${identity}"`;
  const call = { operation: 'verify', method: 'macVerify', resource: identity } as const;
  const [reply] = await connection.attempt(call, signal, (client, options) =>
    client.macVerify(
      { name: identity, data: viewOf(data), dataCrc32c: checksum(data), mac: viewOf(mac), macCrc32c: checksum(mac) },
      options,
    ),
  );
  if (reply.name !== identity) throw corrupted(what, 'the reply names another version');
  assertVerified(what, 'data', reply.verifiedDataCrc32c);
  assertVerified(what, 'mac', reply.verifiedMacCrc32c);
  if ((reply.success === true) !== (reply.verifiedSuccessIntegrity === true))
    throw corrupted(what, 'the reply contradicts itself');
  return reply.success === true;
}

/** A version that signs: what the log says of it, and how to ask for a signature. */
export interface SigningVersion {
  readonly key: SigningKey;
  readonly gcp: GcpAlgorithm;
}

/**
 * Has one version sign, and checks what comes back: name, checksums, and the signature itself against the public key.
 *
 * @throws {TamperError} `RESPONSE_CORRUPTED` (retryable): something does not fit
 */
export async function requestSignature(
  connection: GcpKmsConnection,
  version: SigningVersion,
  data: Uint8Array,
  signal: AbortSignal,
): Promise<Signature> {
  const { identity, algorithm, spki } = version.key;
  if (spki === undefined) {
    return { bytes: await requestMac(connection, identity, data, signal), algorithm, identity };
  }
  const what = `Google Cloud KMS asymmetricSign "${identity}"`;
  const call = { operation: 'sign', method: 'asymmetricSign', resource: identity } as const;
  const [reply] = await connection.attempt(call, signal, (client, options) =>
    client.asymmetricSign({ name: identity, ...signingInput(version, data) }, options),
  );
  if (reply.name !== identity) throw corrupted(what, 'the reply names another version');
  if (version.gcp.digest === undefined) assertVerified(what, 'data', reply.verifiedDataCrc32c);
  else assertVerified(what, 'digest', reply.verifiedDigestCrc32c);
  const bytes = Buffer.from(checkedBytes(what, 'signature', reply.signature, reply.signatureCrc32c));
  if (!(await verifySignature(algorithm, spki, data, bytes))) throw corrupted(what, 'the signature does not verify');
  return { bytes, algorithm, identity };
}

/** Ed25519 is pure and takes the data; all others take a digest, which the version's algorithm fixes. */
function signingInput(version: SigningVersion, data: Uint8Array): object {
  const { digest: hash } = version.gcp;
  if (hash === undefined) return { data: viewOf(data), dataCrc32c: checksum(data) };
  const digest = createHash(hash).update(data).digest();
  return { digest: { [hash]: digest }, digestCrc32c: checksum(digest) };
}
