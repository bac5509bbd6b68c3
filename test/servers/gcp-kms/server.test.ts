import { constants, createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { Crc32c } from '@aws-crypto/crc32c';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, type RawFailure, type RawReply } from './raw-client.ts';
import { type GcpKmsServer, startGcpKms } from './start.ts';

// The test server refuses what the service refuses. Everything here goes over the raw protocol, without the SDK's client.

const token = 'ya29.all-rights';
const aad = Buffer.from('bound to this');

let server: GcpKmsServer;
let client: RawClient;

const sum = (bytes: Uint8Array): { value: string } => ({ value: String(new Crc32c().update(bytes).digest()) });

async function refusal(promise: Promise<unknown>): Promise<RawFailure> {
  const outcome: unknown = await promise.then(
    () => 'no refusal',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Error);
  return outcome as RawFailure;
}

function call(method: string, request: object, bearer: string | undefined = token): Promise<RawReply> {
  return client.call(method, request, bearer);
}

beforeAll(async () => {
  server = await startGcpKms();
  client = new RawClient(server.ports.grpcTls, server.caPem);
  await server.admin('issueToken', { token, principal: 'all' });
  for (const role of ['viewer', 'cryptoKeyEncrypterDecrypter', 'signerVerifier']) {
    await server.admin('grant', {
      principal: 'all',
      role: `roles/cloudkms.${role}`,
      resource: 'projects/test-project',
    });
  }
});

beforeEach(() => server.admin('clearFaults'));

afterAll(async () => {
  client?.close();
  await server?.stop();
});

describe('encrypt and decrypt', () => {
  it('round-trips under additional data, answers checksums and the version that it used', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const plaintext = randomBytes(32);
    const sealed = await call('Encrypt', {
      name,
      plaintext,
      additionalAuthenticatedData: aad,
      plaintextCrc32c: sum(plaintext),
      additionalAuthenticatedDataCrc32c: sum(aad),
    });
    expect(sealed).toMatchObject({
      name: `${name}/cryptoKeyVersions/1`,
      verifiedPlaintextCrc32c: true,
      verifiedAdditionalAuthenticatedDataCrc32c: true,
      ciphertextCrc32c: sum(sealed.ciphertext),
    });
    const opened = await call('Decrypt', { name, ciphertext: sealed.ciphertext, additionalAuthenticatedData: aad });
    expect(opened).toMatchObject({ plaintext, usedPrimary: true, plaintextCrc32c: sum(plaintext) });
  });

  it('says that nothing was verified where no checksum was sent', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const reply = await call('Encrypt', { name, plaintext: Buffer.from('x') });
    expect(reply).toMatchObject({ verifiedPlaintextCrc32c: false, verifiedAdditionalAuthenticatedDataCrc32c: false });
  });

  it('refuses other additional data, another key and altered ciphertext', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const other = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const { ciphertext } = await call('Encrypt', {
      name,
      plaintext: Buffer.from('x'),
      additionalAuthenticatedData: aad,
    });
    const flipped = Buffer.from(ciphertext);
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 20) ^ 1, flipped.length - 20);
    for (const request of [
      { name, ciphertext, additionalAuthenticatedData: Buffer.from('other') },
      { name: other, ciphertext, additionalAuthenticatedData: aad },
      { name, ciphertext: flipped, additionalAuthenticatedData: aad },
      { name, ciphertext: Buffer.from('short') },
    ]) {
      const failure = await refusal(call('Decrypt', request));
      expect(failure).toMatchObject({ code: 3, details: expect.stringContaining('Decryption failed') });
    }
  });

  it('refuses a version name for decrypt, empty and oversized fields', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const hsm = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION', { protectionLevel: 'HSM' });
    const { ciphertext } = await call('Encrypt', { name, plaintext: Buffer.from('x') });
    expect((await refusal(call('Decrypt', { name: `${name}/cryptoKeyVersions/1`, ciphertext }))).code).toBe(3);
    expect((await refusal(call('Encrypt', { name }))).code).toBe(3);
    expect((await refusal(call('Encrypt', { name: 'nonsense', plaintext: aad }, token))).code).toBe(7);
    expect((await refusal(call('Encrypt', { name, plaintext: Buffer.alloc(65_537) }))).code).toBe(3);
    expect((await refusal(call('Encrypt', { name: hsm, plaintext: Buffer.alloc(8_193) }))).code).toBe(3);
  });

  it('decrypts with the version that encrypted, after a rotation too, and follows the primary', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const old = await call('Encrypt', { name, plaintext: Buffer.from('x') });
    await server.admin('createVersion', { key: name });
    await server.admin('setPrimary', { key: name, version: 2 });
    expect((await call('Encrypt', { name, plaintext: Buffer.from('y') })).name).toBe(`${name}/cryptoKeyVersions/2`);
    expect(await call('Decrypt', { name, ciphertext: old.ciphertext })).toMatchObject({ usedPrimary: false });
    expect(await call('GetCryptoKey', { name })).toMatchObject({ primary: { name: `${name}/cryptoKeyVersions/2` } });
  });
});

describe('MAC', () => {
  it('signs and verifies, answers success false (not an error) for another MAC', async () => {
    const name = `${await server.createKey('MAC', 'HMAC_SHA256')}/cryptoKeyVersions/1`;
    const { mac } = await call('MacSign', { name, data: aad, dataCrc32c: sum(aad) });
    expect(mac).toHaveLength(32);
    const good = await call('MacVerify', { name, data: aad, mac, dataCrc32c: sum(aad), macCrc32c: sum(mac) });
    expect(good).toMatchObject({
      success: true,
      verifiedSuccessIntegrity: true,
      verifiedDataCrc32c: true,
      verifiedMacCrc32c: true,
    });
    const bad = await call('MacVerify', { name, data: Buffer.from('other'), mac });
    expect(bad).toMatchObject({ success: false, verifiedSuccessIntegrity: false, verifiedDataCrc32c: false });
  });

  it('refuses a key name, and keys have no primary', async () => {
    const name = await server.createKey('MAC', 'HMAC_SHA256');
    expect((await refusal(call('MacSign', { name, data: aad }))).code).toBe(3);
    expect(await call('GetCryptoKey', { name })).toMatchObject({ purpose: 'MAC', primary: null });
    await expect(server.admin('setPrimary', { key: name, version: 1 })).rejects.toThrow(/no primary/);
  });

  it('refuses more than 64 KiB, and more than 16 KiB in an HSM', async () => {
    const software = await server.createKey('MAC', 'HMAC_SHA256');
    const hsm = await server.createKey('MAC', 'HMAC_SHA256', { protectionLevel: 'HSM' });
    for (const [key, size] of [
      [software, 65_537],
      [hsm, 16_385],
    ] as const) {
      const failure = await refusal(call('MacSign', { name: `${key}/cryptoKeyVersions/1`, data: Buffer.alloc(size) }));
      expect(failure.code).toBe(3);
    }
  });
});

describe('asymmetric signing', () => {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  it.each([
    ['EC_SIGN_P256_SHA256', 'sha256', {}],
    ['EC_SIGN_P384_SHA384', 'sha384', {}],
    ['RSA_SIGN_PSS_2048_SHA256', 'sha256', pss],
    ['RSA_SIGN_PSS_3072_SHA256', 'sha256', pss],
    ['RSA_SIGN_PKCS1_2048_SHA256', 'sha256', {}],
  ])('%s signs a digest and data so that openssl accepts it', async (algorithm, hash, padding) => {
    const name = `${await server.createKey('ASYMMETRIC_SIGN', algorithm)}/cryptoKeyVersions/1`;
    const { pem, ...publicKey } = await call('GetPublicKey', { name });
    expect(publicKey).toMatchObject({ name, algorithm, pemCrc32c: sum(Buffer.from(pem)) });
    const key = { key: createPublicKey(pem), ...padding };
    const digest = createHash(hash).update(aad).digest();
    for (const request of [
      { digest: { [hash]: digest }, digestCrc32c: sum(digest) },
      { data: aad, dataCrc32c: sum(aad) },
    ]) {
      const reply = await call('AsymmetricSign', { name, ...request });
      expect(reply).toMatchObject({ name, signatureCrc32c: sum(reply.signature) });
      expect(reply.verifiedDigestCrc32c).toBe('digest' in request);
      expect(reply.verifiedDataCrc32c).toBe('data' in request);
      expect(verify(hash, aad, key, reply.signature)).toBe(true);
    }
  });

  it('signs Ed25519 over data and refuses a digest', async () => {
    const name = `${await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_ED25519')}/cryptoKeyVersions/1`;
    const { signature } = await call('AsymmetricSign', { name, data: aad });
    const { pem } = await call('GetPublicKey', { name });
    expect(verify(null, aad, createPublicKey(pem), signature)).toBe(true);
    expect((await refusal(call('AsymmetricSign', { name, digest: { sha256: Buffer.alloc(32) } }))).code).toBe(3);
    await expect(server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_ED25519', { protectionLevel: 'HSM' })).rejects.toThrow(
      /HSM/,
    );
  });

  it('refuses a digest of another type or length, both inputs and none', async () => {
    const name = `${await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256')}/cryptoKeyVersions/1`;
    for (const input of [
      { digest: { sha384: Buffer.alloc(48) } },
      { digest: { sha256: Buffer.alloc(31) } },
      { digest: { sha256: Buffer.alloc(32) }, data: aad },
      {},
    ]) {
      expect((await refusal(call('AsymmetricSign', { name, ...input }))).code).toBe(3);
    }
  });

  it('answers the public key in the format asked for', async () => {
    const name = `${await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256')}/cryptoKeyVersions/1`;
    const { pem } = await call('GetPublicKey', { name });
    const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
    const reply = await call('GetPublicKey', { name, publicKeyFormat: 'DER' });
    expect(reply).toMatchObject({ pem: '', publicKey: { data: der, crc32cChecksum: sum(der) } });
    expect((await refusal(call('GetPublicKey', { name, publicKeyFormat: 'NIST_PQC' }))).code).toBe(3);
  });
});

describe('refusals', () => {
  it.each([
    ['Encrypt', 'plaintext', { plaintext: aad }],
    ['Encrypt', 'additionalAuthenticatedData', { plaintext: aad, additionalAuthenticatedData: aad }],
    ['Decrypt', 'ciphertext', { ciphertext: Buffer.alloc(60) }],
    ['Decrypt', 'additionalAuthenticatedData', { ciphertext: Buffer.alloc(60), additionalAuthenticatedData: aad }],
    ['MacSign', 'data', { data: aad }],
    ['MacVerify', 'data', { data: aad, mac: aad }],
    ['MacVerify', 'mac', { data: aad, mac: aad }],
    ['AsymmetricSign', 'digest', { digest: { sha256: Buffer.alloc(32) } }],
    ['AsymmetricSign', 'data', { data: aad }],
  ])('%s with a wrong checksum of %s is INVALID_ARGUMENT', async (method, field, request) => {
    const [purpose, algorithm] = method.startsWith('Mac')
      ? ['MAC', 'HMAC_SHA256']
      : method === 'AsymmetricSign'
        ? ['ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256']
        : ['ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION'];
    const key = await server.createKey(purpose as string, algorithm as string);
    const name = purpose === 'ENCRYPT_DECRYPT' ? key : `${key}/cryptoKeyVersions/1`;
    const failure = await refusal(call(method, { name, ...request, [`${field}Crc32c`]: { value: '1' } }));
    expect(failure).toMatchObject({
      code: 3,
      details: expect.stringMatching(/checksum in field \w+_crc32c did not match/),
    });
  });

  it.each([
    ['DISABLED', 'MacSign'],
    ['DESTROY_SCHEDULED', 'MacVerify'],
    ['DESTROYED', 'MacSign'],
    ['PENDING_GENERATION', 'MacSign'],
  ])('a version that is %s is FAILED_PRECONDITION with the state in a PreconditionFailure', async (state, method) => {
    const name = `${await server.createKey('MAC', 'HMAC_SHA256')}/cryptoKeyVersions/1`;
    await server.admin('setState', { version: name, state });
    const failure = await refusal(call(method, { name, data: aad, mac: aad }));
    expect(failure).toMatchObject({ code: 9, details: `${name} is not enabled, current state is: ${state}.` });
    expect(String(failure.metadata.get('grpc-status-details-bin')[0])).toContain(`KEY_${state}`);
  });

  it('refuses every use of a version that is not enabled', async () => {
    const aes = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const ec = `${await server.createKey('ASYMMETRIC_SIGN', 'EC_SIGN_P256_SHA256')}/cryptoKeyVersions/1`;
    const { ciphertext } = await call('Encrypt', { name: aes, plaintext: aad });
    await server.admin('setState', { version: `${aes}/cryptoKeyVersions/1`, state: 'DISABLED' });
    await server.admin('setState', { version: ec, state: 'DISABLED' });
    expect((await refusal(call('Encrypt', { name: aes, plaintext: aad }))).code).toBe(9);
    expect((await refusal(call('Decrypt', { name: aes, ciphertext }))).code).toBe(9);
    expect((await refusal(call('AsymmetricSign', { name: ec, data: aad }))).code).toBe(9);
    expect((await refusal(call('GetPublicKey', { name: ec }))).code).toBe(9);
    expect(await call('GetCryptoKeyVersion', { name: ec })).toMatchObject({ state: 'DISABLED' });
  });

  it('refuses operations that the purpose of the key does not allow', async () => {
    const aes = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    const mac = await server.createKey('MAC', 'HMAC_SHA256');
    for (const [method, request] of [
      ['MacSign', { name: `${aes}/cryptoKeyVersions/1`, data: aad }],
      ['GetPublicKey', { name: `${mac}/cryptoKeyVersions/1` }],
      ['AsymmetricSign', { name: `${mac}/cryptoKeyVersions/1`, data: aad }],
      ['Encrypt', { name: mac, plaintext: aad }],
      ['Decrypt', { name: mac, ciphertext: aad }],
    ] as const) {
      const failure = await refusal(call(method, request));
      expect(failure).toMatchObject({ code: 9, details: expect.stringContaining('incorrect key purpose') });
    }
  });

  it('refuses absent keys and versions with NOT_FOUND', async () => {
    const name = await server.createKey('MAC', 'HMAC_SHA256');
    expect((await refusal(call('GetCryptoKey', { name: `${name}-absent` }))).code).toBe(5);
    expect((await refusal(call('MacSign', { name: `${name}/cryptoKeyVersions/2`, data: aad }))).code).toBe(5);
  });

  it('refuses calls without a token, with a made-up one and with an expired one', async () => {
    const name = await server.createKey('MAC', 'HMAC_SHA256');
    await server.admin('issueToken', { token: 'ya29.expired', principal: 'all', lifetimeSeconds: -1 });
    for (const bearer of ['made-up', 'ya29.expired', 'a.b.c']) {
      expect((await refusal(client.call('GetCryptoKey', { name }, bearer))).code).toBe(16);
    }
    expect((await refusal(client.call('GetCryptoKey', { name }))).code).toBe(16);
  });

  it.each([
    ['roles/cloudkms.signer', 'MacSign', 'MacVerify'],
    ['roles/cloudkms.verifier', 'MacVerify', 'MacSign'],
    ['roles/cloudkms.viewer', 'ListCryptoKeyVersions', 'MacSign'],
  ])('%s may %s and may not %s', async (role, may, mayNot) => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    await server.admin('issueToken', { token: role, principal: role });
    await server.admin('grant', { principal: role, role, resource: key });
    const request = { name: `${key}/cryptoKeyVersions/1`, parent: key, data: aad, mac: aad };
    await call(may, request, role);
    const failure = await refusal(call(mayNot, request, role));
    expect(failure).toMatchObject({ code: 7, details: expect.stringContaining("Permission 'cloudkms.") });
    expect(String(failure.metadata.get('grpc-status-details-bin')[0])).toContain('IAM_PERMISSION_DENIED');
  });
});

describe('listing versions', () => {
  it('filters, orders and pages; the order without order_by is that of text', async () => {
    const parent = await server.createKey('MAC', 'HMAC_SHA256');
    for (let version = 2; version <= 12; version++) await server.admin('createVersion', { key: parent });
    await server.admin('setState', { version: `${parent}/cryptoKeyVersions/11`, state: 'DISABLED' });
    const ids = (reply: RawReply): string[] =>
      reply.cryptoKeyVersions.map(({ name }) => name.slice(name.lastIndexOf('/') + 1));
    const first = await call('ListCryptoKeyVersions', { parent, filter: 'state=ENABLED', pageSize: 5 });
    expect(ids(first)).toEqual(['1', '10', '12', '2', '3']);
    const second = await call('ListCryptoKeyVersions', {
      parent,
      filter: 'state=ENABLED',
      pageSize: 50,
      pageToken: first.nextPageToken,
    });
    expect(ids(second)).toEqual(['4', '5', '6', '7', '8', '9']);
    expect(second.nextPageToken).toBe('');
    expect(ids(await call('ListCryptoKeyVersions', { parent, orderBy: 'name desc', pageSize: 2 }))).toEqual(['9', '8']);
    for (const wrong of [{ filter: 'colour=red' }, { orderBy: 'colour' }, { pageToken: 'x' }, { pageSize: -1 }]) {
      expect((await refusal(call('ListCryptoKeyVersions', { parent, ...wrong }))).code).toBe(3);
    }
  });
});

describe('REST', () => {
  const post = (path: string, body: unknown, bearer?: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.ports.http}/v1/${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    });

  it('speaks the JSON mapping: bytes in base64, checksums as text, enums by name or by number', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    const data = aad.toString('base64');
    const signed = await post(`${key}/cryptoKeyVersions/1:macSign`, { data, dataCrc32c: sum(aad).value }, token);
    expect(signed.status).toBe(200);
    const reply = (await signed.json()) as { mac: string };
    expect(reply).toMatchObject({
      macCrc32c: sum(Buffer.from(reply.mac, 'base64')).value,
      protectionLevel: 'SOFTWARE',
    });
    const headers = { authorization: `Bearer ${token}` };
    const url = `http://127.0.0.1:${server.ports.http}/v1/${key}?$alt=json%3Benum-encoding=int`;
    expect(await (await fetch(url, { headers })).json()).toMatchObject({ name: key, purpose: 9 });
  });

  it('refuses with the HTTP status, the code by name and the details', async () => {
    const key = await server.createKey('MAC', 'HMAC_SHA256');
    const path = `${key}/cryptoKeyVersions/1:macSign`;
    const data = aad.toString('base64');
    await server.admin('issueToken', { token: 'nobody', principal: 'nobody' });
    const expectations: [Promise<Response>, number, string][] = [
      [post(path, { data }), 401, 'UNAUTHENTICATED'],
      [post(path, { data }, 'nobody'), 403, 'PERMISSION_DENIED'],
      [post(path, { data, colour: 1 }, token), 400, 'INVALID_ARGUMENT'],
      [post(path, '{', token), 400, 'INVALID_ARGUMENT'],
      [post(path, { data, dataCrc32c: '1' }, token), 400, 'INVALID_ARGUMENT'],
      [post(`${key}:macSign`, { data }, token), 404, 'NOT_FOUND'],
      [post(`${key}/cryptoKeyVersions/9:macSign`, { data }, token), 404, 'NOT_FOUND'],
    ];
    for (const [response, status, name] of expectations) {
      const answer = await response;
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject({ error: { code: status, status: name } });
    }
    await server.fault({ kind: 'throttle', retryDelaySeconds: 0.25 });
    const busy = await post(path, { data }, token);
    expect(busy.status).toBe(429);
    expect(JSON.stringify(await busy.json())).toContain('"retryDelay":"0.25s"');
  });
});

describe('faults', () => {
  it('distorts exactly the calls that it was told to', async () => {
    const name = `${await server.createKey('MAC', 'HMAC_SHA256')}/cryptoKeyVersions/1`;
    const sign = (): Promise<RawReply> => call('MacSign', { name, data: aad });
    const right = await sign();
    for (const kind of ['wrong-name', 'wrong-crc', 'flip', 'truncate', 'missing-crc']) {
      await server.fault({ kind, method: 'MacSign' });
      expect(await sign()).not.toEqual(right);
      expect(await sign()).toEqual(right);
    }
    await server.fault({ kind: 'throttle', method: 'MacSign', retryDelaySeconds: 2 });
    expect((await refusal(sign())).code).toBe(8);
    await server.fault({ kind: 'status', code: 'UNAVAILABLE' });
    expect((await refusal(sign())).code).toBe(14);
  });

  it('answers what it answered earlier', async () => {
    const name = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
    await server.admin('forgetAnswers');
    await call('GetCryptoKey', { name });
    await server.admin('createVersion', { key: name });
    await server.admin('setPrimary', { key: name, version: 2 });
    await server.fault({ kind: 'stale', method: 'GetCryptoKey' });
    expect(await call('GetCryptoKey', { name })).toMatchObject({ primary: { name: `${name}/cryptoKeyVersions/1` } });
    expect(await call('GetCryptoKey', { name })).toMatchObject({ primary: { name: `${name}/cryptoKeyVersions/2` } });
  });
});
