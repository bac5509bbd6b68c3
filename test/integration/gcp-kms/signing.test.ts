import { constants, createPublicKey, verify as nodeVerify } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TamperErrorCode } from '../../../src/errors.ts';
import { type KeyEvent, onKeyEvent, type SignatureAlgorithm } from '../../../src/index.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { becomeMachine, machineAccount } from './environment.ts';

const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

let server: GcpKmsServer;
let grpc: GcpKmsProvider;
let rest: GcpKmsProvider;

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
  grpc = new GcpKmsProvider({ gcpEndpoint: `localhost:${server.ports.grpcTls}`, transport: 'grpc' });
  rest = new GcpKmsProvider({ gcpEndpoint: `http://127.0.0.1:${server.ports.http}`, transport: 'rest' });
});
beforeEach(async () => {
  await server.admin('clearFaults');
  await server.admin('clearJournals');
});
afterAll(async () => {
  await grpc?.close();
  await rest?.close();
  await server?.stop();
});

/** What was asked about a key; other tests' keys are refreshed meanwhile. */
const methodsOf = async (key: string): Promise<string[]> =>
  (await server.journal())
    .filter(({ resource }) => resource === key || resource.startsWith(`${key}/`))
    .map(({ method }) => method);

describe.each([
  ['gRPC', () => grpc],
  ['REST', () => rest],
])('signing over %s', (_, provider) => {
  it.each<[string, SignatureAlgorithm, string | null, object]>([
    ['EC_SIGN_P256_SHA256', 'ecdsa-p256-sha256', 'sha256', {}],
    ['EC_SIGN_P384_SHA384', 'ecdsa-p384-sha384', 'sha384', {}],
    ['EC_SIGN_ED25519', 'ed25519', null, {}],
    ['RSA_SIGN_PSS_2048_SHA256', 'rsa-pss-sha256', 'sha256', pss],
    ['RSA_SIGN_PSS_3072_SHA256', 'rsa-pss-sha256', 'sha256', pss],
    ['RSA_SIGN_PKCS1_2048_SHA256', 'rsa-pkcs1-sha256', 'sha256', {}],
    ['RSA_SIGN_PKCS1_3072_SHA256', 'rsa-pkcs1-sha256', 'sha256', {}],
  ])('%s verifies with openssl and offline', async (gcpAlgorithm, algorithm, hash, padding) => {
    const key = await server.createKey('ASYMMETRIC_SIGN', gcpAlgorithm);
    const resolved = await provider().getSigningKey(key);
    expect(resolved).toMatchObject({ source: 'gcp-kms', identity: `${key}/cryptoKeyVersions/1`, algorithm });
    const spki = createPublicKey({ key: Buffer.from(resolved.spki ?? []), format: 'der', type: 'spki' });
    for (const keyId of [key, resolved.identity]) {
      const signature = await provider().sign(keyId, text);
      expect(signature).toMatchObject({ algorithm, identity: resolved.identity });
      expect(nodeVerify(hash, text, { key: spki, ...padding }, signature.bytes)).toBe(true);
      expect(await provider().verify(resolved, text, signature.bytes)).toBe(true);
    }
    expect(await methodsOf(key)).toEqual(['ListCryptoKeyVersions', 'GetPublicKey', 'AsymmetricSign', 'AsymmetricSign']);
  });

  it('finds the newest enabled version by number among many pages', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    for (let version = 2; version <= 130; version++) await server.admin('createVersion', { key });
    for (const version of [3, 130]) {
      await server.admin('setState', { version: `${key}/cryptoKeyVersions/${version}`, state: 'DISABLED' });
    }
    expect((await provider().getSigningKey(key)).identity).toBe(`${key}/cryptoKeyVersions/129`);
    await server.admin('createVersion', { key, state: 'PENDING_GENERATION' });
    expect(await provider().rotateCheck()).toBe(false);
    await server.admin('setState', { version: `${key}/cryptoKeyVersions/131`, state: 'ENABLED' });
    expect(await provider().rotateCheck()).toBe(true);
    expect((await provider().sign(key, text)).identity).toBe(`${key}/cryptoKeyVersions/131`);
  });

  it('moves to the next version at once when the one in use is disabled', async () => {
    const key = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const old = await provider().getSigningKey(key);
    await server.admin('createVersion', { key });
    expect((await provider().sign(key, text)).identity).toBe(old.identity);
    await server.admin('setState', { version: old.identity, state: 'DISABLED' });
    const signature = await provider().sign(key, text);
    expect(signature.identity).toBe(`${key}/cryptoKeyVersions/2`);
    await expect(provider().sign(old.identity, text)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
    expect(await provider().rotateCheck()).toBe(true);
  });

  it('checks signatures of disabled and destroyed versions offline', async () => {
    const key = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P384_SHA384');
    const resolved = await provider().getSigningKey(key);
    const { bytes } = await provider().sign(key, text);
    await server.admin('setState', { version: resolved.identity, state: 'DESTROYED' });
    await server.admin('clearJournals');
    expect(await provider().verify(resolved, text, bytes)).toBe(true);
    expect(await methodsOf(key)).toEqual([]);
  });

  it.each<[string, TamperErrorCode]>([
    ['DISABLED', 'KEY_DISABLED'],
    ['DESTROY_SCHEDULED', 'KEY_PENDING_DELETION'],
    ['DESTROYED', 'KEY_PENDING_DELETION'],
    ['PENDING_GENERATION', 'KEY_VERSION_UNAVAILABLE'],
    ['IMPORT_FAILED', 'KEY_VERSION_UNAVAILABLE'],
  ])('says of a key whose only version is %s: %s', async (state, code) => {
    const mac = await server.createKey('MAC', 'HMAC_SHA256');
    const version = `${mac}/cryptoKeyVersions/1`;
    const { bytes, algorithm } = await provider().sign(mac, text);
    await server.admin('setState', { version, state });
    await expect(provider().sign(mac, text)).rejects.toMatchObject({ code });
    await expect(provider().sign(version, text)).rejects.toMatchObject({ code });
    const key = { source: 'gcp-kms', identity: version, algorithm };
    await expect(provider().verify(key, text, bytes)).rejects.toMatchObject({ code });
    const fresh = new GcpKmsProvider({ gcpEndpoint: `localhost:${server.ports.grpcTls}` });
    await expect(fresh.getSigningKey(mac)).rejects.toMatchObject({ code });
    await expect(fresh.getSigningKey(version)).rejects.toMatchObject({ code });
    await fresh.close();
  });

  it.each<[string, string, TamperErrorCode]>([
    ['ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION', 'KEY_WRONG_USAGE'],
    ['MAC', 'HMAC_SHA512', 'UNSUPPORTED_OPERATION'],
    ['ASYMMETRIC_SIGN', 'RSA_SIGN_PSS_4096_SHA512', 'UNSUPPORTED_OPERATION'],
  ])('refuses to sign with %s %s: %s', async (purpose, algorithm, code) => {
    const key = await server.createKey(purpose, algorithm);
    await expect(provider().getSigningKey(key)).rejects.toMatchObject({ code });
    await expect(provider().sign(`${key}/cryptoKeyVersions/1`, text)).rejects.toMatchObject({ code });
  });

  it('says that a key without versions has none, and that a version is absent', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256', { skipInitialVersion: true });
    await expect(provider().sign(key, text)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
    await expect(provider().sign(`${key}/cryptoKeyVersions/7`, text)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it('takes every length and content of a MAC that is no MAC for a bad one, without an error', async () => {
    const mac = await server.createKey('MAC', 'HMAC_SHA256');
    const key = await provider().getSigningKey(mac);
    for (const signature of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(32), Buffer.alloc(70_000)]) {
      expect(await provider().verify(key, text, signature)).toBe(false);
    }
  });

  it('publishes who signed with which version, and how often it was asked', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    await provider().getSigningKey(key);
    const events: KeyEvent[] = [];
    const end = onKeyEvent((event) => event.keyId === key && events.push(event));
    await server.fault({ kind: 'throttle', method: 'MacSign', retryDelaySeconds: 0.05 });
    await provider().sign(key, text);
    end();
    const identity = `${key}/cryptoKeyVersions/1`;
    expect(events).toMatchObject([
      { operation: 'sign', keyId: key, identity, version: '1', attempts: 2, outcome: 'ok' },
    ]);
  });
});

describe('what an auditor and a writer with little may do', () => {
  beforeEach(() => server.admin('configureAuthority', { metadataPrincipal: machineAccount }));

  async function as(roles: string[], resource: string): Promise<GcpKmsProvider> {
    const principal = `least-${roles.join('-')}-${resource.split('/').at(-1)}`;
    await server.admin('configureAuthority', { metadataPrincipal: principal });
    for (const role of roles) await server.admin('grant', { principal, role: `roles/cloudkms.${role}`, resource });
    const provider = new GcpKmsProvider({ gcpEndpoint: `localhost:${server.ports.grpcTls}` });
    // the token is fetched now, for this principal and no later one
    await provider.sign(`${resource}/cryptoKeyVersions/1`, text).catch(() => undefined);
    return provider;
  }

  it('a signer that may see the public key signs with a named version, without listing', async () => {
    const key = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const provider = await as(['signer', 'publicKeyViewer'], key);
    expect((await provider.sign(`${key}/cryptoKeyVersions/1`, text)).algorithm).toBe('ecdsa-p256-sha256');
    await expect(provider.sign(key, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await provider.close();
  });

  it('an encrypter mints data keys, notices rotation, and cannot recover', async () => {
    const key = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const provider = await as(['cryptoKeyEncrypter'], key);
    const context = { origin: 'audit.example.com/a', kid: 'c0ffee00.1' };
    const dataKey = await provider.getKey(key, context);
    const { source, identity, wrapped } = dataKey;
    await expect(
      provider.recoverKey({ source, identity, ...(wrapped && { wrapped }) }, key, context),
    ).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await provider.rotateCheck()).toBe(false);
    await server.admin('createVersion', { key });
    await server.admin('setPrimary', { key, version: 2 });
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.rotateCheck()).toBe(false);
    await provider.close();
  });

  it('a signer and nothing else makes MACs with a named version', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    const provider = await as(['signer'], key);
    const { algorithm, identity } = await provider.sign(`${key}/cryptoKeyVersions/1`, text);
    expect({ algorithm, identity }).toEqual({ algorithm: 'kms-hmac-sha256', identity: `${key}/cryptoKeyVersions/1` });
    const asymmetric = await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256');
    const unseen = await as(['signer'], asymmetric);
    await expect(unseen.sign(`${asymmetric}/cryptoKeyVersions/1`, text)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    });
    await provider.close();
    await unseen.close();
  });

  it('a verifier and nothing else checks MACs of a named version, and cannot make one', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    const { bytes } = await grpc.sign(key, text);
    const provider = await as(['verifier'], key);
    const version = await provider.getSigningKey(`${key}/cryptoKeyVersions/1`);
    expect(version).toEqual({
      source: 'gcp-kms',
      identity: `${key}/cryptoKeyVersions/1`,
      algorithm: 'kms-hmac-sha256',
    });
    expect(await provider.verify(version, text, bytes)).toBe(true);
    await expect(provider.sign(version.identity, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await provider.close();
  });

  it('a verifier checks MACs and cannot make one', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    const provider = await as(['verifier', 'viewer'], key);
    const version = await provider.getSigningKey(key);
    expect(await provider.verify(version, text, Buffer.alloc(32))).toBe(false);
    await expect(provider.sign(key, text)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await provider.close();
  });
});
