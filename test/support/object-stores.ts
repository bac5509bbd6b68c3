import { tmpdir } from 'node:os';
import { S3 } from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';
import { ACCOUNT, ACCOUNT_KEY } from '../servers/azurite.ts';

/** A bucket of an emulator. */
export interface EmulatedBucket {
  /** `s3://…`, `gs://…` or `az://…`. */
  readonly name: string;
  /** The environment that leads to it. */
  readonly env: Readonly<Record<string, string>>;
  remove(key: string): Promise<unknown>;
}

/** The three object stores, each as its emulator has it. */
export const objectStores: readonly {
  readonly scheme: string;
  readonly server: 'moto' | 'fake-gcs' | 'azurite';
  /** Makes a bucket in the server at `url`. */
  readonly make: (url: string, bucket: string) => Promise<EmulatedBucket>;
}[] = [
  {
    scheme: 's3',
    server: 'moto',
    make: async (endpoint, Bucket) => {
      const credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'secret' };
      const admin = new S3({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
      await admin.createBucket({ Bucket });
      const env = {
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_REGION: 'us-east-1',
        AWS_ENDPOINT_URL_S3: endpoint,
      };
      return { name: `s3://${Bucket}`, env, remove: (Key) => admin.deleteObject({ Bucket, Key }) };
    },
  },
  {
    scheme: 'gs',
    server: 'fake-gcs',
    make: async (url, bucket) => {
      const ask = async (method: string, path: string, body?: string): Promise<void> => {
        const headers = { 'content-type': 'application/json' };
        const { ok, status } = await fetch(`${url}/storage/v1/b${path}`, { method, headers, ...(body && { body }) });
        if (!ok) throw new Error(`${method} ${path}: ${status}`);
      };
      await ask('POST', '', JSON.stringify({ name: bucket }));
      const env = { STORAGE_EMULATOR_HOST: url, HOME: tmpdir(), GOOGLE_APPLICATION_CREDENTIALS: '' };
      const remove = (key: string): Promise<void> => ask('DELETE', `/${bucket}/o/${encodeURIComponent(key)}`);
      return { name: `gs://${bucket}`, env, remove };
    },
  },
  {
    scheme: 'az',
    server: 'azurite',
    make: async (url, bucket) => {
      const connection = `AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};BlobEndpoint=${url}/${ACCOUNT}`;
      const admin = BlobServiceClient.fromConnectionString(`DefaultEndpointsProtocol=http;${connection}`);
      const container = admin.getContainerClient(bucket);
      await container.create();
      const env = { AZURE_STORAGE_CONNECTION_STRING: connection };
      return { name: `az://${ACCOUNT}/${bucket}`, env, remove: (key) => container.deleteBlob(key) };
    },
  },
];
