import type { GcpKmsConnection } from './connection.ts';
import { assertVerified, checkedBytes, checksum, corrupted, viewOf } from './integrity.ts';
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
