import { createRequire } from 'node:module';

// The protocol without the SDK's client class: what a client in any language would send.

/** A gRPC failure as grpc-js gives it. */
export interface RawFailure extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata: { get(key: string): unknown[] };
}

/** Any reply; members by the protocol's names in camelCase. */
export interface RawReply {
  readonly name: string;
  readonly ciphertext: Buffer;
  readonly plaintext: Buffer;
  readonly mac: Buffer;
  readonly signature: Buffer;
  readonly pem: string;
  readonly success: boolean;
  readonly verifiedDataCrc32c: boolean;
  readonly verifiedDigestCrc32c: boolean;
  readonly cryptoKeyVersions: readonly { readonly name: string }[];
  readonly nextPageToken: string;
}

type Method = (
  request: object,
  metadata: unknown,
  options: { deadline: number },
  callback: (error: RawFailure | null, reply: RawReply) => void,
) => void;

interface Grpc {
  readonly Metadata: new () => { set(key: string, value: string): void };
  readonly credentials: { createSsl(ca: Buffer): unknown; createInsecure(): unknown };
}

const kmsRequire = createRequire(createRequire(import.meta.url).resolve('@google-cloud/kms'));
const gax = kmsRequire('google-gax') as { grpc: Grpc; GrpcClient: new () => { loadProtoJSON(json: unknown): unknown } };

/** A client stub of the service built from the protocol files. */
export class RawClient {
  readonly #stub: Record<string, Method> & { close(): void };

  /** @param caPem - the authority to trust over TLS; without one the channel is plaintext */
  constructor(port: number, caPem?: string) {
    const loaded = new gax.GrpcClient().loadProtoJSON(kmsRequire('@google-cloud/kms/build/protos/protos.json')) as {
      google: {
        cloud: { kms: { v1: { KeyManagementService: new (address: string, credentials: unknown) => never } } };
      };
    };
    const { createInsecure, createSsl } = gax.grpc.credentials;
    const credentials = caPem === undefined ? createInsecure() : createSsl(Buffer.from(caPem));
    this.#stub = new loaded.google.cloud.kms.v1.KeyManagementService(`localhost:${port}`, credentials);
  }

  call(method: string, request: object, token?: string): Promise<RawReply> {
    const metadata = new gax.grpc.Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    return new Promise((resolve, reject) => {
      const answer = (error: RawFailure | null, reply: RawReply): void =>
        error === null ? resolve(reply) : reject(error);
      this.#stub[method]?.call(this.#stub, request, metadata, { deadline: Date.now() + 5_000 }, answer);
    });
  }

  close(): void {
    this.#stub.close();
  }
}
