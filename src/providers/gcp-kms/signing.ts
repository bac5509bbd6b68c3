import { createHash } from 'node:crypto';
import type { Signature } from '../../keys/provider.ts';
import { verifySignature } from '../../keys/signature.ts';
import type { GcpKmsConnection } from './connection.ts';
import { assertVerified, checkedBytes, checksum, corrupted, viewOf } from './integrity.ts';
import type { SigningVersion } from './versions.ts';

const macBytes = 32;

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
  if (!verifySignature(algorithm, spki, data, bytes)) throw corrupted(what, 'the signature does not verify');
  return { bytes, algorithm, identity };
}

/** Ed25519 is pure and takes the data; all others take a digest, which the version's algorithm fixes. */
function signingInput(version: SigningVersion, data: Uint8Array): object {
  const { digest: hash } = version.gcp;
  if (hash === undefined) return { data: viewOf(data), dataCrc32c: checksum(data) };
  const digest = createHash(hash).update(data).digest();
  return { digest: { [hash]: digest }, digestCrc32c: checksum(digest) };
}

async function requestMac(
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
