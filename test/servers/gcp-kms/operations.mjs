// The methods of google.cloud.kms.v1.KeyManagementService over the key store, with every refusal of the service.
// Requests are as protobuf gives them: camelCase, bytes as Buffer, enums as names, Int64Value as { value }.
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { algorithms, computeMac, digestBytes, signData, signDigest } from './algorithms.mjs';
import { describeKey, describeVersion, isKeyName, parseVersionName } from './key-store.mjs';
import { listVersions } from './list-versions.mjs';
import { invalid, notEnabled, ServiceError, wrongPurpose } from './status.mjs';
import { crc32c } from './wire.mjs';

const KiB = 1024;

/** The IAM permission and the request member that names the resource, by method. */
export const methods = {
  GetCryptoKey: { permission: 'cloudkms.cryptoKeys.get', resource: 'name', run: getCryptoKey },
  GetCryptoKeyVersion: { permission: 'cloudkms.cryptoKeyVersions.get', resource: 'name', run: getCryptoKeyVersion },
  ListCryptoKeyVersions: { permission: 'cloudkms.cryptoKeyVersions.list', resource: 'parent', run: list },
  GetPublicKey: { permission: 'cloudkms.cryptoKeyVersions.viewPublicKey', resource: 'name', run: getPublicKey },
  Encrypt: { permission: 'cloudkms.cryptoKeyVersions.useToEncrypt', resource: 'name', run: encrypt },
  Decrypt: { permission: 'cloudkms.cryptoKeyVersions.useToDecrypt', resource: 'name', run: decrypt },
  AsymmetricSign: { permission: 'cloudkms.cryptoKeyVersions.useToSign', resource: 'name', run: asymmetricSign },
  MacSign: { permission: 'cloudkms.cryptoKeyVersions.useToSign', resource: 'name', run: macSign },
  MacVerify: { permission: 'cloudkms.cryptoKeyVersions.useToVerify', resource: 'name', run: macVerify },
};

function keyNameOf(name, field = 'name') {
  if (name === '') throw invalid(`Resource name in field ${field} is missing.`);
  if (!isKeyName(name)) throw invalid(`Resource name [${name}] in field ${field} is not a CryptoKey.`);
  return name;
}

function versionNameOf(name) {
  if (name === '') throw invalid('Resource name in field name is missing.');
  if (parseVersionName(name) === undefined)
    throw invalid(`Resource name [${name}] in field name is not a CryptoKeyVersion.`);
  return name;
}

/** Checks what the client says the checksum of a field is; answers whether it said anything. */
function verified(request, field, bytes) {
  const claimed = request[`${field}Crc32c`];
  if (claimed === null || claimed === undefined) return false;
  if (String(crc32c(bytes)) !== String(claimed.value)) {
    const snake = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    throw invalid(`The checksum in field ${snake}_crc32c did not match the data in field ${snake}.`);
  }
  return true;
}

function sum(bytes) {
  return { value: String(crc32c(bytes)) };
}

function purposeOf(store, version, purpose) {
  const actual = store.key(parseVersionName(version.name).key).purpose;
  if (actual !== purpose) throw wrongPurpose(version.name, actual);
}

function enabled(version) {
  if (version.state !== 'ENABLED') throw notEnabled(version.name, version.state);
  return version;
}

function limit(field, bytes, maximum) {
  if (bytes.length > maximum) throw invalid(`The field ${field} must be no larger than ${maximum} bytes.`);
}

function getCryptoKey(store, request) {
  return describeKey(store.key(keyNameOf(request.name)));
}

function getCryptoKeyVersion(store, request) {
  return describeVersion(store.version(versionNameOf(request.name)));
}

function list(store, request) {
  return listVersions(store.key(keyNameOf(request.parent, 'parent')), request);
}

function getPublicKey(store, request) {
  const version = store.version(versionNameOf(request.name));
  purposeOf(store, version, 'ASYMMETRIC_SIGN');
  enabled(version);
  const reply = { name: version.name, algorithm: version.algorithm, protectionLevel: version.protectionLevel };
  const format = request.publicKeyFormat ?? 'PUBLIC_KEY_FORMAT_UNSPECIFIED';
  const pem = version.material.publicKey.export({ type: 'spki', format: 'pem' });
  if (format === 'PUBLIC_KEY_FORMAT_UNSPECIFIED') {
    return { ...reply, pem, pemCrc32c: sum(Buffer.from(pem)) };
  }
  if (format !== 'PEM' && format !== 'DER')
    throw invalid(`Public key format ${format} is not supported for ${version.algorithm}.`);
  const data = format === 'PEM' ? Buffer.from(pem) : version.material.publicKey.export({ type: 'spki', format: 'der' });
  return { ...reply, publicKeyFormat: format, publicKey: { data, crc32cChecksum: sum(data) } };
}

function encrypt(store, request) {
  const { name, plaintext, additionalAuthenticatedData: aad } = request;
  const key = store.key(parseVersionName(name)?.key ?? keyNameOf(name));
  if (key.purpose !== 'ENCRYPT_DECRYPT') throw wrongPurpose(name, key.purpose);
  if (plaintext.length === 0) throw invalid('The field plaintext is required.');
  const verifiedPlaintextCrc32c = verified(request, 'plaintext', plaintext);
  const verifiedAdditionalAuthenticatedDataCrc32c = verified(request, 'additionalAuthenticatedData', aad);
  if (key.protectionLevel === 'HSM')
    limit('plaintext + additional_authenticated_data', Buffer.concat([plaintext, aad]), 8 * KiB);
  limit('plaintext', plaintext, 64 * KiB);
  limit('additional_authenticated_data', aad, 64 * KiB);
  if (isKeyName(name) && key.primary === undefined) {
    throw new ServiceError('FAILED_PRECONDITION', `CryptoKey ${name} has no primary version.`);
  }
  const version = enabled(store.version(isKeyName(name) ? `${name}/cryptoKeyVersions/${key.primary}` : name));
  const ciphertext = seal(version, plaintext, aad);
  return {
    name: version.name,
    ciphertext,
    ciphertextCrc32c: sum(ciphertext),
    verifiedPlaintextCrc32c,
    verifiedAdditionalAuthenticatedDataCrc32c,
    protectionLevel: version.protectionLevel,
  };
}

function decrypt(store, request) {
  const { name, ciphertext, additionalAuthenticatedData: aad } = request;
  const key = store.key(keyNameOf(name));
  if (key.purpose !== 'ENCRYPT_DECRYPT') throw wrongPurpose(name, key.purpose);
  if (ciphertext.length === 0) throw invalid('The field ciphertext is required.');
  verified(request, 'ciphertext', ciphertext);
  verified(request, 'additionalAuthenticatedData', aad);
  const version = ciphertext.length > 36 ? key.versions[ciphertext.readUInt32BE(4) - 1] : undefined;
  if (version === undefined) throw undecipherable();
  enabled(version);
  const plaintext = open(version, ciphertext, aad);
  return {
    plaintext,
    plaintextCrc32c: sum(plaintext),
    usedPrimary: version.id === key.primary,
    protectionLevel: version.protectionLevel,
  };
}

function undecipherable() {
  return invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.");
}

// 0x0a240001 ‖ version (4 bytes, big-endian) ‖ IV (12) ‖ ciphertext ‖ tag (16); the header is authenticated too
function seal(version, plaintext, aad) {
  const head = Buffer.from([0x0a, 0x24, 0, 1, 0, 0, 0, 0]);
  head.writeUInt32BE(version.id, 4);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', version.material.secret, iv);
  cipher.setAAD(Buffer.concat([head, aad]));
  return Buffer.concat([head, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(version, ciphertext, aad) {
  const decipher = createDecipheriv('aes-256-gcm', version.material.secret, ciphertext.subarray(8, 20));
  decipher.setAAD(Buffer.concat([ciphertext.subarray(0, 8), aad]));
  decipher.setAuthTag(ciphertext.subarray(-16));
  try {
    return Buffer.concat([decipher.update(ciphertext.subarray(20, -16)), decipher.final()]);
  } catch (cause) {
    throw Object.assign(undecipherable(), { cause });
  }
}

function asymmetricSign(store, request) {
  const version = store.version(versionNameOf(request.name));
  purposeOf(store, version, 'ASYMMETRIC_SIGN');
  const digestField =
    request.digest?.digest ?? Object.keys(request.digest ?? {}).find((field) => request.digest[field]?.length > 0);
  const hasDigest = digestField !== undefined;
  const hasData = request.data.length > 0;
  if (hasDigest && hasData) throw invalid('Only one of the fields digest and data may be set.');
  if (!hasDigest && !hasData) throw invalid('One of the fields digest and data is required.');
  const { hash } = algorithms[version.algorithm];
  let signature;
  let verifiedDigestCrc32c = false;
  let verifiedDataCrc32c = false;
  if (hasDigest) {
    const digest = request.digest[digestField];
    if (hash === undefined)
      throw invalid(`The field digest may not be set for algorithm ${version.algorithm}; set data.`);
    if (digestField !== hash)
      throw invalid(`Digest type ${digestField} does not match algorithm ${version.algorithm}.`);
    if (digest.length !== digestBytes[hash])
      throw invalid(`Digest has ${digest.length} bytes, expected ${digestBytes[hash]}.`);
    verifiedDigestCrc32c = verified(request, 'digest', digest);
    signature = signDigest(version.algorithm, enabled(version).material, digest);
  } else {
    limit('data', request.data, 64 * KiB);
    verifiedDataCrc32c = verified(request, 'data', request.data);
    signature = signData(version.algorithm, enabled(version).material, request.data);
  }
  return {
    name: version.name,
    signature,
    signatureCrc32c: sum(signature),
    verifiedDigestCrc32c,
    verifiedDataCrc32c,
    protectionLevel: version.protectionLevel,
  };
}

function macInput(store, request) {
  const version = store.version(versionNameOf(request.name));
  purposeOf(store, version, 'MAC');
  if (request.data.length === 0) throw invalid('The field data is required.');
  limit('data', request.data, (version.protectionLevel === 'HSM' ? 16 : 64) * KiB);
  const verifiedDataCrc32c = verified(request, 'data', request.data);
  return { version: enabled(version), verifiedDataCrc32c };
}

function macSign(store, request) {
  const { version, verifiedDataCrc32c } = macInput(store, request);
  const mac = computeMac(version.algorithm, version.material, request.data);
  return { name: version.name, mac, macCrc32c: sum(mac), verifiedDataCrc32c, protectionLevel: version.protectionLevel };
}

function macVerify(store, request) {
  if (request.mac.length === 0) throw invalid('The field mac is required.');
  const verifiedMacCrc32c = verified(request, 'mac', request.mac);
  const { version, verifiedDataCrc32c } = macInput(store, request);
  const mac = computeMac(version.algorithm, version.material, request.data);
  const success = mac.length === request.mac.length && timingSafeEqual(mac, request.mac);
  return {
    name: version.name,
    success,
    verifiedDataCrc32c,
    verifiedMacCrc32c,
    verifiedSuccessIntegrity: success,
    protectionLevel: version.protectionLevel,
  };
}
