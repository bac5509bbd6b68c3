// A bucket of an emulator on this machine, for a benchmark that counts requests.
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

/** @returns {{ name: string, endpoint: string, create: () => Promise<void>, put: (key: string, bytes: Buffer) => Promise<void>, putFile: (key: string, path: string) => Promise<void>, isList: (url: string) => boolean, through: (url: string) => Record<string, string> }} */
export function bucketAt(name) {
  const { protocol, hostname, pathname } = new URL(name);
  if (protocol === 's3:') return s3(name, hostname);
  if (protocol === 'gs:') return google(name, hostname);
  if (protocol === 'az:') return azure(name, pathname.slice(1));
  throw new Error(`${name} is no bucket`);
}

function s3(name, Bucket) {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3;
  let client;
  return {
    name,
    endpoint,
    create: async () => {
      const { S3 } = await import('@aws-sdk/client-s3');
      client ??= new S3({ endpoint, forcePathStyle: true });
      await client.createBucket({ Bucket }).catch((error) => {
        if (!/BucketAlready/.test(error.name)) throw error;
      });
    },
    put: async (Key, Body) => void (await client.putObject({ Bucket, Key, Body })),
    putFile: async (Key, path) =>
      void (await client.putObject({ Bucket, Key, Body: createReadStream(path), ContentLength: statSync(path).size })),
    isList: (url) => url.includes('list-type=2'),
    through: (url) => ({ AWS_ENDPOINT_URL_S3: url }),
  };
}

function google(name, bucket) {
  const endpoint = process.env.STORAGE_EMULATOR_HOST;
  const post = async (path, type, body, fine = []) => {
    const headers = { 'content-type': type };
    const reply = await fetch(`${endpoint}${path}`, { method: 'POST', headers, body });
    if (!reply.ok && !fine.includes(reply.status)) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    await reply.arrayBuffer();
  };
  const placeOf = (key) => `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`;
  const type = 'text/plain; charset=utf-8';
  return {
    name,
    endpoint,
    create: async () => post('/storage/v1/b', 'application/json', JSON.stringify({ name: bucket }), [409]),
    put: async (key, bytes) => post(placeOf(key), type, bytes),
    putFile: async (key, path) => {
      // fetch would hold what the emulator has not taken yet, all of it
      const headers = { 'content-type': type, 'content-length': statSync(path).size };
      const upload = request(`${endpoint}${placeOf(key)}`, { method: 'POST', headers });
      const replied = once(upload, 'response');
      await pipeline(createReadStream(path), upload);
      const [reply] = await replied;
      const said = await text(reply);
      if (reply.statusCode !== 200) throw new Error(`${key}: ${reply.statusCode} ${said}`);
    },
    isList: (url) => /\/o(?:\?|$)/.test(url),
    through: (url) => ({ STORAGE_EMULATOR_HOST: url }),
  };
}

function azure(name, containerName) {
  const connection = process.env.AZURE_STORAGE_CONNECTION_STRING ?? '';
  const blobEndpoint = /BlobEndpoint=([^;]+)/.exec(connection)?.[1];
  const endpoint = new URL(blobEndpoint).origin;
  let container;
  return {
    name,
    endpoint,
    create: async () => {
      const { BlobServiceClient } = await import('@azure/storage-blob');
      container ??= BlobServiceClient.fromConnectionString(connection).getContainerClient(containerName);
      await container.createIfNotExists();
    },
    put: async (key, bytes) => void (await container.getBlockBlobClient(key).upload(bytes, bytes.length)),
    putFile: async (key, path) => void (await container.getBlockBlobClient(key).uploadFile(path)),
    isList: (url) => url.includes('comp=list'),
    through: (url) => ({
      AZURE_STORAGE_CONNECTION_STRING: connection.replace(blobEndpoint, blobEndpoint.replace(endpoint, url)),
    }),
  };
}
