import type { GcpKmsConnection } from './connection.ts';
import { assertVerified, checkedBytes, checksum, corrupted, viewOf } from './integrity.ts';

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
