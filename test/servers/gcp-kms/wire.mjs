// The protocol as it ships inside @google-cloud/kms: service description, message types, CRC32C, google.rpc.Status.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const kmsRequire = createRequire(require.resolve('@google-cloud/kms'));
const gaxRequire = createRequire(kmsRequire.resolve('google-gax'));

export const gax = kmsRequire('google-gax');
export const grpc = gax.grpc;
export const protoJson = gaxRequire('proto3-json-serializer');

const protos = kmsRequire('@google-cloud/kms/build/protos/protos.json');

/** The gRPC package objects: service definition and client constructor, without anything of the KMS SDK. */
export const kmsPackage = new gax.GrpcClient().loadProtoJSON(protos).google.cloud.kms.v1;
/** Message types by reflection, for the JSON mapping. */
export const types = gax.protobuf.Root.fromJSON(protos);

const statusFile = path.join(path.dirname(kmsRequire.resolve('google-gax')), '../protos/status.json');
const rpc = gax.protobuf.Root.fromJSON(JSON.parse(readFileSync(statusFile, 'utf8')));

/** google.rpc.Status as bytes, for the trailer grpc-status-details-bin. */
export function encodeStatus(code, message, details) {
  const packed = details.map(({ type, value }) => {
    const messageType = rpc.lookupType(`google.rpc.${type}`);
    return {
      type_url: `type.googleapis.com/google.rpc.${type}`,
      value: messageType.encode(messageType.fromObject(value)).finish(),
    };
  });
  const status = rpc.lookupType('google.rpc.Status');
  return Buffer.from(status.encode(status.fromObject({ code, message, details: packed })).finish());
}

const { Crc32c } = require('@aws-crypto/crc32c');

/** CRC32C (Castagnoli) as an unsigned number. */
export function crc32c(bytes) {
  return new Crc32c().update(bytes).digest();
}
