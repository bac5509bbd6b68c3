import { createHash } from 'node:crypto';
import type { Signature } from '../../keys/provider.ts';
import { verifySignature } from '../../keys/signature.ts';
import type { GcpKmsConnection } from './connection.ts';
import { assertVerified, checkedBytes, checksum, corrupted, viewOf } from './integrity.ts';
import { requestMac } from './mac.ts';
import type { SigningVersion } from './versions.ts';

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
