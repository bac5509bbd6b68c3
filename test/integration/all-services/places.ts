import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeySpec } from '@aws-sdk/client-kms';
import type { KeyProvider, SealerOptions } from '../../../src/index.ts';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { EnvKeyProvider } from '../../../src/providers/env.ts';
import { FileKeyProvider } from '../../../src/providers/file.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import type { GcpKmsServer } from '../../servers/gcp-kms/start.ts';
import type { Bao } from '../../servers/openbao.ts';
import { KmsAdmin, optionsFor } from '../aws-kms/admin.ts';
import type { AzureSetup } from '../azure-keyvault/setup.ts';
import { providerFor } from '../vault/transit-server.ts';

/** What a log is sealed with (spec 5). */
export type Mode = 'signing' | 'data key' | 'both';

/** A place that one log takes its keys from. */
export interface Place {
  readonly name: string;
  readonly options: Partial<SealerOptions>;
  readonly provider: KeyProvider;
  /** Gives it other keys; a writer that runs notices by itself, but for the environment. */
  rotate(): Promise<void>;
  /** Whether a writer that runs can notice. */
  readonly handsOver: boolean;
  /** What the auditor names: every wrapping key that there was. */
  readonly wraps: readonly string[];
}

/** The servers of the test. */
export interface Services {
  readonly localstack: string;
  readonly ministack: string;
  readonly gcp: GcpKmsServer;
  readonly azure: AzureSetup;
  readonly vault: Bao;
}

const hasData = (mode: Mode): boolean => mode !== 'signing';
const hasSigner = (mode: Mode): boolean => mode !== 'data key';
const ttl = { keyCacheTtlSeconds: 1 } as const;

/** Options of a key service: one key, or a data key and a signing key. */
function serviceOptions(keySource: 'aws-kms' | 'gcp-kms' | 'azure-keyvault', mode: Mode, data: string, sign: string) {
  if (mode === 'signing') return { keySource, keyId: sign, useKmsSigning: true } as const;
  return { keySource, keyId: data, ...(mode === 'both' && { signingKeyId: sign }) } as const;
}

/** A signing key of keygen's kind, as text. */
const newSigningKey = (): string => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
};
const newDataKey = (): string => randomBytes(32).toString('base64');

/** Keeps each local data key for the auditor, in a directory of `NAME.key` files. */
type Keep = (name: string, key: string) => void;

function environment(mode: Mode, keep: Keep): Place {
  const env: Record<string, string> = {};
  let serial = 0;
  const renew = (): void => {
    env['DATA'] = newDataKey();
    env['SIGN'] = newSigningKey();
    if (hasData(mode)) keep(`env-${++serial}`, env['DATA']);
  };
  renew();
  return {
    name: 'environment',
    options:
      mode === 'signing'
        ? { keySource: 'env', algorithm: 'Ed25519', keyId: 's' }
        : { keySource: 'env', keyId: 'd', ...(mode === 'both' && { signingKeyId: 's' }) },
    provider: new EnvKeyProvider({ dataKeys: { d: 'DATA' }, signingKeys: { s: 'SIGN' }, env }),
    rotate: async () => renew(),
    handsOver: false,
    wraps: [],
  };
}

function files(mode: Mode, directory: string, keep: Keep): Place {
  const path = join(directory, 'key-files');
  mkdirSync(path);
  let serial = 0;
  const put = (name: string, text: string): void => {
    writeFileSync(join(path, 'next'), text, { mode: 0o600 });
    renameSync(join(path, 'next'), join(path, name));
  };
  const renew = (): void => {
    const data = newDataKey();
    if (hasData(mode)) keep(`file-${++serial}`, data);
    put('d.key', data);
    put('s.key', newSigningKey());
  };
  renew();
  return {
    name: 'file',
    options: {
      keySource: 'file',
      keyFilePath: path,
      ...(mode === 'signing'
        ? { algorithm: 'Ed25519', keyId: 's' }
        : { keyId: 'd', ...(mode === 'both' && { signingKeyId: 's' }) }),
    },
    provider: new FileKeyProvider({ dataKeys: { path }, signingKeys: { path } }),
    rotate: async () => renew(),
    handsOver: true,
    wraps: [],
  };
}

/** Aliases that each rotation points at new keys. */
async function aws(mode: Mode, url: string, name: string, specs: readonly KeySpec[]): Promise<Place> {
  const admin = new KmsAdmin(url);
  const [data, sign] = [`alias/${name}-data`, `alias/${name}-sign`];
  const wraps: string[] = [];
  let serial = 0;
  const newKeys = async (): Promise<[string, string]> => {
    const spec = specs[serial++ % specs.length];
    const made: [string, string] = [await admin.createKey(), await admin.createKey(spec)];
    wraps.push(made[0]);
    return made;
  };
  const [firstData, firstSign] = await newKeys();
  await admin.createAlias(data, firstData);
  await admin.createAlias(sign, firstSign);
  return {
    name,
    options: serviceOptions('aws-kms', mode, data, sign),
    provider: new AwsKmsProvider(optionsFor(url, ttl)),
    rotate: async () => {
      const [nextData, nextSign] = await newKeys();
      if (hasData(mode)) await admin.retarget(data, nextData);
      if (hasSigner(mode)) await admin.retarget(sign, nextSign);
    },
    handsOver: true,
    wraps,
  };
}

async function google(mode: Mode, server: GcpKmsServer): Promise<Place> {
  const data = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
  const sign = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
  return {
    name: 'Google Cloud KMS',
    options: serviceOptions('gcp-kms', mode, data, sign),
    provider: new GcpKmsProvider({ gcpEndpoint: `http://127.0.0.1:${server.ports.grpc}`, ...ttl }),
    rotate: async () => {
      if (hasData(mode)) {
        const { name } = await server.admin<{ name: string }>('createVersion', { key: data });
        await server.admin('setPrimary', { key: data, version: Number(name.split('/').at(-1)) });
      }
      if (hasSigner(mode)) await server.admin('createVersion', { key: sign });
    },
    handsOver: true,
    wraps: [data],
  };
}

async function azureVault(mode: Mode, azure: AzureSetup, name: string): Promise<Place> {
  const [data, sign] = [`${name}-data`, `${name}-sign`];
  const renew = async (): Promise<void> => {
    if (hasData(mode)) await azure.create(data, { kty: 'oct-HSM' });
    if (hasSigner(mode)) await azure.create(sign, { kty: 'EC', crv: 'P-384' });
  };
  await renew();
  return {
    name: 'Azure Key Vault',
    options: serviceOptions('azure-keyvault', mode, azure.key(data), azure.key(sign)),
    provider: azure.provider(ttl),
    rotate: renew,
    handsOver: true,
    wraps: [azure.key(data)],
  };
}

async function transit(mode: Mode, server: Bao, name: string): Promise<Place> {
  const [data, sign] = [`transit/keys/${name}-data`, `transit/keys/${name}-sign`];
  await server.api('POST', data, { type: 'aes256-gcm96' });
  await server.api('POST', sign, { type: 'ed25519' });
  return {
    name: 'OpenBao',
    options: {
      keySource: 'vault',
      vaultAddr: server.url,
      ...(mode === 'signing'
        ? { keyId: sign, vaultPath: sign, useKmsSigning: true }
        : { keyId: data, vaultPath: data, ...(mode === 'both' && { signingKeyId: sign }) }),
    },
    provider: providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken }, ...ttl }),
    rotate: async () => {
      if (hasData(mode)) await server.api('POST', `${data}/rotate`, {});
      if (hasSigner(mode)) await server.api('POST', `${sign}/rotate`, {});
    },
    handsOver: true,
    wraps: [data],
  };
}

/** The six sources, with keys of one log's own. MiniStack has the Ed25519 keys of AWS KMS, and binds no data key to its stream. */
export async function placesOf(mode: Mode, services: Services, directory: string): Promise<Place[]> {
  const name = mode.replace(' ', '-');
  const local = join(directory, 'local');
  mkdirSync(local);
  const keep: Keep = (key, text) => writeFileSync(join(local, `${key}.key`), text, { mode: 0o600 });
  const { localstack, ministack, gcp, azure, vault } = services;
  return [
    environment(mode, keep),
    files(mode, directory, keep),
    await aws(mode, localstack, `localstack-${name}`, ['ECC_NIST_P256', 'RSA_2048', 'ECC_NIST_P384']),
    await google(mode, gcp),
    ...(mode === 'signing' ? [await aws(mode, ministack, 'ministack', ['ECC_NIST_EDWARDS25519'])] : []),
    await azureVault(mode, azure, name),
    await transit(mode, vault, name),
  ];
}
