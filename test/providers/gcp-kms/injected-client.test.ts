import { generateKeyPairSync } from 'node:crypto';
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { expect, it } from 'vitest';
import { mapGcpError } from '../../../src/providers/gcp-kms/error-map.ts';
import { type GcpKmsClient, GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { checksum } from '../../../src/providers/gcp-kms/integrity.ts';

const key = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';
const context = { origin: 'audit.example.com/a', kid: 'c0ffee00.1' };

/** A client whose every method fails with `error`. */
function failing(error: unknown, initialize?: () => Promise<unknown>): GcpKmsClient {
  const fail = async (): Promise<never> => {
    throw error;
  };
  return {
    encrypt: fail,
    decrypt: fail,
    macSign: fail,
    macVerify: fail,
    asymmetricSign: fail,
    getPublicKey: fail,
    getCryptoKey: fail,
    getCryptoKeyVersion: fail,
    listCryptoKeyVersions: fail,
    ...(initialize !== undefined && { initialize }),
  };
}

const vendor = (message: string, members: object): Error => Object.assign(new Error(message), members);
const json = (code: number, status: string, message: string, details: object[] = []): string =>
  JSON.stringify({ error: { code, status, message, details } });
const url = new URL(`https://cloudkms.googleapis.com/v1/${key}:encrypt`);

it("the SDK's own client is a GcpKmsClient", () => {
  const client: GcpKmsClient = Object.create(KeyManagementServiceClient.prototype);
  expect(client).toBeInstanceOf(KeyManagementServiceClient);
});

it.each<[string, unknown, object]>([
  // gRPC: the number of the google.rpc.Code
  ['3', vendor('3 INVALID_ARGUMENT: x', { code: 3, details: 'x' }), { code: 'USAGE' }],
  [
    '4',
    vendor('4 DEADLINE_EXCEEDED: x', { code: 4, details: 'Deadline exceeded' }),
    { code: 'TIMEOUT', retryable: true },
  ],
  ['5', vendor('5 NOT_FOUND: x', { code: 5, details: 'x' }), { code: 'KEY_NOT_FOUND' }],
  ['7', vendor('7 PERMISSION_DENIED: x', { code: 7, details: 'x' }), { code: 'ACCESS_DENIED' }],
  [
    '7, the API is off',
    vendor('7 PERMISSION_DENIED: x', { code: 7, details: 'x', reason: 'SERVICE_DISABLED' }),
    { code: 'ACCESS_DENIED', hint: expect.stringContaining('gcloud services enable') },
  ],
  [
    '8',
    vendor('8 RESOURCE_EXHAUSTED: x', {
      code: 8,
      details: 'x',
      statusDetails: [{ retryDelay: { seconds: '0', nanos: 5e6 } }],
    }),
    { code: 'THROTTLED', retryable: true, retryAfterMs: 5 },
  ],
  [
    '9',
    vendor('9 FAILED_PRECONDITION: x', { code: 9, details: `${key} is not enabled, current state is: DISABLED.` }),
    { code: 'KEY_DISABLED' },
  ],
  [
    '9, by its violation alone',
    vendor('9 FAILED_PRECONDITION: x', {
      code: 9,
      details: 'no',
      statusDetails: [{ violations: [{ type: 'KEY_DESTROYED' }] }],
    }),
    { code: 'KEY_PENDING_DELETION' },
  ],
  [
    '9, the purpose',
    vendor('9 FAILED_PRECONDITION: x', {
      code: 9,
      details: `Operation requested for Key ${key} has incorrect key purpose: MAC`,
    }),
    { code: 'KEY_WRONG_USAGE' },
  ],
  ['12', vendor('12 UNIMPLEMENTED: x', { code: 12, details: 'x' }), { code: 'UNSUPPORTED_OPERATION' }],
  ['13', vendor('13 INTERNAL: x', { code: 13, details: 'x' }), { code: 'UNAVAILABLE', retryable: true }],
  [
    '14',
    vendor('14 UNAVAILABLE: x', { code: 14, details: 'No connection established' }),
    { code: 'UNAVAILABLE', retryable: true },
  ],
  [
    '14, the certificate',
    vendor('14 UNAVAILABLE: x', { code: 14, details: 'Last error: unable to verify the first certificate' }),
    { code: 'TLS_FAILED', retryable: false },
  ],
  ['16', vendor('16 UNAUTHENTICATED: x', { code: 16, details: 'x' }), { code: 'UNAUTHENTICATED' }],
  [
    'a request id',
    vendor('7 PERMISSION_DENIED: x', {
      code: 7,
      details: 'x',
      statusDetails: [{ requestId: 'req-1', servingData: '' }],
    }),
    { code: 'ACCESS_DENIED', requestId: 'req-1' },
  ],
  [
    'the plugin',
    vendor('2 UNKNOWN: Getting metadata from plugin failed with error: invalid_grant', { code: 2 }),
    { code: 'UNAUTHENTICATED' },
  ],
  // REST: the HTTP status, and the body as the message
  ['400', vendor(json(400, 'INVALID_ARGUMENT', 'x'), { code: 400, config: { url } }), { code: 'USAGE' }],
  ['401', vendor(json(401, 'UNAUTHENTICATED', 'x'), { code: 401, config: { url } }), { code: 'UNAUTHENTICATED' }],
  ['403', vendor(json(403, 'PERMISSION_DENIED', 'x'), { code: '403', config: { url } }), { code: 'ACCESS_DENIED' }],
  ['404', vendor(json(404, 'NOT_FOUND', 'x'), { code: 404, config: { url } }), { code: 'KEY_NOT_FOUND' }],
  [
    '400, the state',
    vendor(json(400, 'FAILED_PRECONDITION', `${key} is not enabled, current state is: DESTROY_SCHEDULED.`), {
      code: 400,
      config: { url },
    }),
    { code: 'KEY_PENDING_DELETION' },
  ],
  [
    '429',
    vendor(json(429, 'RESOURCE_EXHAUSTED', 'x', [{ '@type': 'RetryInfo', retryDelay: '0.005s' }]), {
      code: 429,
      config: { url },
    }),
    { code: 'THROTTLED', retryAfterMs: 5 },
  ],
  [
    '503 of a proxy',
    vendor('<html>Bad gateway</html>', { code: 503, config: { url } }),
    { code: 'UNAVAILABLE', retryable: true },
  ],
  [
    'a token refused',
    vendor('invalid_grant', { code: 400, config: { url: 'https://oauth2.googleapis.com/token' } }),
    { code: 'UNAUTHENTICATED' },
  ],
  [
    'refused',
    vendor('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED', config: { url } }),
    { code: 'UNAVAILABLE' },
  ],
  ['aborted', vendor('The operation was aborted.', { code: 'AbortError', config: { url } }), { code: 'TIMEOUT' }],
  ['a closed client', 'The client has already been closed.', { code: 'UNAVAILABLE', retryable: true }],
  ['our bug', new TypeError('x is not a function'), { code: 'INTERNAL' }],
])('normalises %s', (_, error, expected) => {
  expect(mapGcpError(error, { operation: 'getKey', method: 'encrypt', resource: key })).toMatchObject(expected);
});

it('initialises a client that is given in before any call, so that missing credentials are an answer', async () => {
  const error = new Error('Could not load the default credentials. Browse to https://cloud.google.com/docs');
  const initialize = async (): Promise<never> => {
    throw error;
  };
  const provider = new GcpKmsProvider({ client: failing(new Error('never reached'), initialize) });
  await expect(provider.getKey(key, context)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(provider.sign(key, Buffer.from('x'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await provider.close();
});

it('refuses options that a client that is given in would not obey, and names that are no keys', async () => {
  const client = failing(new Error('never reached'));
  expect(() => new GcpKmsProvider({ client, gcpEndpoint: 'localhost:1' })).toThrow(/gcpEndpoint has no effect/);
  expect(() => new GcpKmsProvider({ timeoutMs: 0 })).toThrow(/timeoutMs/);
  const provider = new GcpKmsProvider({ client });
  for (const keyId of [
    'alias/audit',
    'projects/p/locations/l/keyRings/r',
    `${key}/cryptoKeyVersions/0`,
    `${key}/`,
    ` ${key}`,
    `${key}\n`,
  ]) {
    await expect(provider.getKey(keyId, context)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(provider.sign(keyId, Buffer.from('x'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  }
  await provider.close();
});

it.each([
  ['refuses a filter', 3],
  ['does not have filters', 12],
])('a server that %s is asked without one', async (_, code) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const versions = ['DISABLED', 'ENABLED', 'DESTROYED'].map((state, index) => ({
    name: `${key}/cryptoKeyVersions/${index + 1}`,
    state,
    algorithm: 'EC_SIGN_ED25519',
  }));
  const asked: unknown[] = [];
  const client = failing(privateKey);
  const provider = new GcpKmsProvider({
    client: {
      ...client,
      listCryptoKeyVersions: async (request: { filter?: string }) => {
        asked.push(request.filter);
        if (request.filter !== undefined) throw vendor('no', { code, details: 'unsupported request fields: filter' });
        return [versions, null, {}];
      },
      getPublicKey: async () => [
        {
          name: versions[1]?.name,
          pem,
          pemCrc32c: { value: String(checksum(Buffer.from(pem)).value) },
          algorithm: 'EC_SIGN_ED25519',
        },
      ],
    } as unknown as GcpKmsClient,
  });
  expect(await provider.getSigningKey(key)).toMatchObject({ identity: versions[1]?.name });
  expect(asked).toEqual(['state=ENABLED', undefined]);
  await provider.close();
});

// the quadratic search for tokens would take an hour for these
it.each([
  ['one word', 'a'],
  ['dashes', '-a'],
  ['what begins like tokens', `${'a'.repeat(16)}.`],
  ['what ends before it is a token', `${'a'.repeat(16)}.${'b'.repeat(7)}.`],
])('a message of 4 MB, %s, is told in one line', (_, piece) => {
  const said = piece.repeat(4_000_000 / piece.length);
  const { message } = mapGcpError(vendor(`3 INVALID_ARGUMENT: ${said}`, { code: 3, details: said }), {
    operation: 'getKey',
    method: 'encrypt',
    resource: key,
  });
  expect(message.length).toBeLessThan(1_000);
});
