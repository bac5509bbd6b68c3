import { createHash, createPublicKey, constants as cryptoConstants, verify } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askVault, type RawAnswer } from './raw-vault.ts';
import { type AzureServer, startAzureKeyVault } from './start.ts';

let server: AzureServer;
let token: string;

beforeAll(async () => {
  server = await startAzureKeyVault();
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.admin('reset');
  await server.admin('principal', { clientId: 'writer' });
  token = await server.admin('token', { clientId: 'writer' });
});

const digest = createHash('sha256').update('root').digest();
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const post = (path: string, body: unknown): Promise<RawAnswer> => askVault(server, 'POST', path, { token, body });
const get = (path: string, query?: string): Promise<RawAnswer> =>
  askVault(server, 'GET', path, query === undefined ? { token } : { token, query });

function refused(answer: RawAnswer, status: number, code: string, inner?: string): void {
  expect({ status: answer.status, code: answer.body.error?.code, inner: answer.body.error?.innererror?.code }).toEqual({
    status,
    code,
    inner,
  });
}

describe('the caller', () => {
  it('is challenged without a token, with the quotes that the SDK needs', async () => {
    const answer = await askVault(server, 'GET', '/keys/k');
    refused(answer, 401, 'Unauthorized');
    expect(answer.headers['www-authenticate']).toBe(
      `Bearer authorization="${server.authorityUrl}/${server.tenant}", resource="https://vault.azure.net"`,
    );
  });

  it.each([
    ['another audience', { aud: 'https://management.azure.com' }],
    ['an expired token', { exp: 1 }],
    ['another tenant', { tid: 'elsewhere' }],
  ])('is refused with %s', async (_, claims) => {
    const wrong = await server.admin('token', { clientId: 'writer', claims });
    refused(await askVault(server, 'GET', '/keys/k', { token: wrong }), 401, 'Unauthorized');
  });

  it('is refused with a token that somebody else signed, and with no token at all', async () => {
    const forged = `${token.slice(0, -6)}AAAAAA`;
    refused(await askVault(server, 'GET', '/keys/k', { token: forged }), 401, 'Unauthorized');
    refused(await askVault(server, 'GET', '/keys/k', { token: 'nonsense' }), 401, 'Unauthorized');
  });

  it('may do what its role says and nothing else', async () => {
    const { version } = await server.admin('createKey', { name: 'k' });
    await server.admin('principal', { clientId: 'auditor', allow: ['get'] });
    token = await server.admin('token', { clientId: 'auditor' });
    expect((await get('/keys/k')).status).toBe(200);
    refused(
      await post(`/keys/k/${version}/sign`, { alg: 'ES256', value: b64(digest) }),
      403,
      'Forbidden',
      'ForbiddenByRbac',
    );
    token = await server.admin('token', { clientId: 'stranger' });
    refused(await get('/keys/k'), 403, 'Forbidden', 'ForbiddenByRbac');
  });
});

describe('keys and versions', () => {
  it('gives a request id, the newest version without one and the named one with one', async () => {
    const first = await server.admin('createKey', { name: 'k' });
    const second = await server.admin('createKey', { name: 'k' });
    const newest = await get('/keys/k/');
    expect(newest.headers['x-ms-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(newest.body.key).toMatchObject({
      kid: `${server.vaultUrl}/keys/k/${second.version}`,
      kty: 'EC',
      crv: 'P-256',
    });
    const old = await get(`/keys/k/${first.version}`);
    expect(old.body.key).toMatchObject({ kid: `${server.vaultUrl}/keys/k/${first.version}` });
    expect(old.body.attributes).toMatchObject({ enabled: true });
    expect((await get('/keys/K')).status).toBe(200);
  });

  it('gives public keys that are the keys of its signatures', async () => {
    const made = await server.admin('createKey', { name: 'k', kty: 'RSA-HSM' });
    const { key } = (await get('/keys/k')).body;
    const spki = createPublicKey({ key: { kty: 'RSA', n: key?.n ?? '', e: key?.e ?? '' }, format: 'jwk' });
    expect(spki.export({ type: 'spki', format: 'der' }).toString('base64')).toBe(made.spki);
  });

  it('lists versions in pages', async () => {
    const made = new Set<string>();
    for (let at = 0; at < 5; at++) made.add((await server.admin('createKey', { name: 'k' })).version);
    const first = await get('/keys/k/versions', '?api-version=2025-07-01&maxresults=3');
    expect(first.body.value).toHaveLength(3);
    const next = new URL(String(first.body.nextLink));
    const second = await get(next.pathname, next.search);
    expect(second.body).toMatchObject({ nextLink: null });
    const listed = [...(first.body.value as { kid: string }[]), ...(second.body.value as { kid: string }[])];
    expect(new Set(listed.map(({ kid }) => kid.split('/').at(-1)))).toEqual(made);
  });

  it('knows nothing of what was never made', async () => {
    const { version } = await server.admin('createKey', { name: 'k' });
    refused(await get('/keys/other'), 404, 'KeyNotFound');
    refused(await get(`/keys/k/${'0'.repeat(32)}`), 404, 'KeyNotFound');
    refused(await get('/keys/other/versions'), 404, 'KeyNotFound');
    refused(await post(`/keys/other/${version}/sign`, { alg: 'ES256', value: b64(digest) }), 404, 'KeyNotFound');
  });

  it('keeps a deleted key recoverable and its name taken', async () => {
    await server.admin('createKey', { name: 'k' });
    await server.admin('deleteKey', { name: 'k' });
    refused(await get('/keys/k'), 404, 'KeyNotFound');
    expect((await get('/deletedkeys/k')).body).toMatchObject({ recoveryId: `${server.vaultUrl}/deletedkeys/k` });
    refused(await post('/keys/k/create', { kty: 'EC' }), 409, 'Conflict', 'ObjectIsDeletedButRecoverable');
    await server.admin('recoverKey', { name: 'k' });
    expect((await get('/keys/k')).status).toBe(200);
    refused(await get('/deletedkeys/k'), 404, 'KeyNotFound');
  });

  it('refuses an unknown and a missing api-version', async () => {
    await server.admin('createKey', { name: 'k' });
    refused(await get('/keys/k', '?api-version=1999-01-01'), 400, 'BadParameter');
    refused(await get('/keys/k', ''), 400, 'BadParameter');
  });
});

describe('signatures', () => {
  it.each([
    ['ES256', { kty: 'EC', crv: 'P-256' }, 'sha256', 64],
    ['ES256', { kty: 'EC-HSM', crv: 'P-256' }, 'sha256', 64],
    ['ES384', { kty: 'EC', crv: 'P-384' }, 'sha384', 96],
    ['PS256', { kty: 'RSA' }, 'sha256', 256],
    ['RS256', { kty: 'RSA' }, 'sha256', 256],
  ])('%s on %o is right, and its own verify agrees', async (alg, key, hash, length) => {
    const made = await server.admin('createKey', { name: 'k', ...key });
    const value = b64(createHash(hash).update('root').digest());
    const signed = await post(`/keys/k/${made.version}/sign`, { alg, value });
    expect(signed.body.kid).toBe(`${server.vaultUrl}/keys/k/${made.version}`);
    const signature = Buffer.from(String(signed.body.value), 'base64url');
    expect(signature).toHaveLength(length);
    const spki = createPublicKey({ key: Buffer.from(made.spki ?? '', 'base64'), format: 'der', type: 'spki' });
    const padding = alg === 'PS256' ? { padding: cryptoConstants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
    expect(verify(hash, Buffer.from('root'), { key: spki, dsaEncoding: 'ieee-p1363', ...padding }, signature)).toBe(
      true,
    );
    const path = `/keys/k/${made.version}/verify`;
    expect((await post(path, { alg, digest: value, value: b64(signature) })).body).toEqual({ value: true });
    signature[9] = (signature[9] ?? 0) ^ 1;
    expect((await post(path, { alg, digest: value, value: b64(signature) })).body).toEqual({ value: false });
  });

  it('refuses a digest of the wrong length, the wrong algorithm, unknown members, bodies that are none', async () => {
    const { version } = await server.admin('createKey', { name: 'k' });
    const path = `/keys/k/${version}/sign`;
    refused(await post(path, { alg: 'ES256', value: b64(Buffer.from('root')) }), 400, 'BadParameter');
    refused(await post(path, { alg: 'ES384', value: b64(Buffer.alloc(48)) }), 400, 'BadParameter');
    refused(await post(path, { alg: 'PS256', value: b64(digest) }), 400, 'BadParameter');
    refused(await post(path, { alg: 'EdDSA', value: b64(digest) }), 400, 'BadParameter');
    refused(await post(path, { alg: 'ES256', value: b64(digest), prehashed: true }), 400, 'BadParameter');
    refused(await post(path, { alg: 'ES256' }), 400, 'BadParameter');
    refused(await post(path, { alg: 'ES256', value: '***' }), 400, 'BadParameter');
    refused(await post(path, []), 400, 'BadParameter');
    refused(await askVault(server, 'POST', path, { token, rawBody: '{' }), 400, 'BadParameter');
    refused(await askVault(server, 'POST', path, { token, rawBody: '' }), 400, 'BadParameter');
  });

  it('refuses an operation that the key lacks', async () => {
    const { version } = await server.admin('createKey', { name: 'k', key_ops: ['verify'] });
    refused(await post(`/keys/k/${version}/sign`, { alg: 'ES256', value: b64(digest) }), 403, 'Forbidden');
    const oct = await server.admin('createKey', { name: 'o', kty: 'oct-HSM' });
    refused(await post(`/keys/o/${oct.version}/sign`, { alg: 'HS256', value: b64(digest) }), 403, 'Forbidden');
  });
});

describe('states', () => {
  const signature = b64(Buffer.alloc(256));

  it('a disabled key may verify, wrap and encrypt, nothing else', async () => {
    const { version } = await server.admin('createKey', { name: 'k', kty: 'RSA' });
    const at = `/keys/k/${version}`;
    const wrapped = await post(`${at}/wrapkey`, { alg: 'RSA-OAEP-256', value: b64(digest) });
    await server.admin('updateKey', { name: 'k', version, enabled: false });
    refused(await post(`${at}/sign`, { alg: 'PS256', value: b64(digest) }), 403, 'Forbidden', 'KeyDisabled');
    const body = { alg: 'RSA-OAEP-256', value: wrapped.body.value };
    refused(await post(`${at}/unwrapkey`, body), 403, 'Forbidden', 'KeyDisabled');
    refused(await post(`${at}/decrypt`, body), 403, 'Forbidden', 'KeyDisabled');
    expect((await post(`${at}/verify`, { alg: 'PS256', digest: b64(digest), value: signature })).status).toBe(200);
    expect((await post(`${at}/wrapkey`, { alg: 'RSA-OAEP-256', value: b64(digest) })).status).toBe(200);
    expect((await post(`${at}/encrypt`, { alg: 'RSA-OAEP-256', value: b64(digest) })).status).toBe(200);
    expect((await get(at)).body.attributes).toMatchObject({ enabled: false });
    await server.admin('settings', { getDisabled: false });
    refused(await get(at), 403, 'Forbidden', 'KeyDisabled');
  });

  it.each([
    ['expired', { exp: 1 }, 'KeyExpired'],
    ['not yet valid', { nbf: 4_000_000_000 }, 'KeyNotYetValid'],
  ])('a key that is %s may verify, unwrap and decrypt, nothing else', async (_, times, inner) => {
    const { version } = await server.admin('createKey', { name: 'k', kty: 'RSA' });
    const at = `/keys/k/${version}`;
    const wrapped = await post(`${at}/wrapkey`, { alg: 'RSA-OAEP-256', value: b64(digest) });
    await server.admin('updateKey', { name: 'k', version, ...times });
    refused(await post(`${at}/sign`, { alg: 'PS256', value: b64(digest) }), 403, 'Forbidden', inner);
    refused(await post(`${at}/wrapkey`, { alg: 'RSA-OAEP-256', value: b64(digest) }), 403, 'Forbidden', inner);
    const body = { alg: 'RSA-OAEP-256', value: wrapped.body.value };
    expect((await post(`${at}/unwrapkey`, body)).body.value).toBe(b64(digest));
    expect((await post(`${at}/decrypt`, body)).body.value).toBe(b64(digest));
    expect((await post(`${at}/verify`, { alg: 'PS256', digest: b64(digest), value: signature })).status).toBe(200);
  });
});

describe('AES keys of a managed HSM', () => {
  it('encrypt with an IV of their own, bound to the additional data', async () => {
    const { version } = await server.admin('createKey', { name: 'o', kty: 'oct-HSM' });
    const at = `/keys/o/${version}`;
    const aad = b64(Buffer.from('context'));
    const sealed = (await post(`${at}/encrypt`, { alg: 'A256GCM', value: b64(digest), aad })).body;
    const { value, iv, tag } = sealed;
    expect(sealed).toMatchObject({ kid: `${server.vaultUrl}${at}`, aad });
    expect((await post(`${at}/decrypt`, { alg: 'A256GCM', value, iv, tag, aad })).body.value).toBe(b64(digest));
    const other = b64(Buffer.from('another'));
    refused(await post(`${at}/decrypt`, { alg: 'A256GCM', value, iv, tag, aad: other }), 400, 'BadParameter');
    refused(await post(`${at}/decrypt`, { alg: 'A256GCM', value, iv, tag }), 400, 'BadParameter');
    refused(await post(`${at}/encrypt`, { alg: 'A256GCM', value: b64(digest), iv }), 400, 'BadParameter');
    refused(await post(`${at}/encrypt`, { alg: 'A128GCM', value: b64(digest) }), 400, 'BadParameter');
  });

  it('wrap by RFC 3394, and refuse what they did not wrap', async () => {
    const { version } = await server.admin('createKey', { name: 'o', kty: 'oct-HSM' });
    const at = `/keys/o/${version}`;
    const { value } = (await post(`${at}/wrapkey`, { alg: 'A256KW', value: b64(digest) })).body;
    expect(Buffer.from(String(value), 'base64url')).toHaveLength(40);
    expect((await post(`${at}/unwrapkey`, { alg: 'A256KW', value })).body.value).toBe(b64(digest));
    refused(await post(`${at}/unwrapkey`, { alg: 'A256KW', value: b64(Buffer.alloc(40)) }), 400, 'BadParameter');
    refused(await post(`${at}/wrapkey`, { alg: 'RSA-OAEP', value: b64(digest) }), 400, 'BadParameter');
  });
});

describe('faults', () => {
  beforeEach(() => server.admin('createKey', { name: 'k' }));

  it('throttles with and without a hint, once', async () => {
    await server.admin('fault', { on: 'get', kind: 'throttle', times: 1, retryAfter: 7 });
    await server.admin('fault', { on: 'get', kind: 'throttle', times: 1 });
    const hinted = await get('/keys/k');
    refused(hinted, 429, 'Throttled');
    expect(hinted.headers['retry-after']).toBe('7');
    expect((await get('/keys/k')).headers['retry-after']).toBeUndefined();
    expect((await get('/keys/k')).status).toBe(200);
  });

  it('resets, halves and truncates replies, and names another key', async () => {
    await server.admin('fault', { on: 'get', kind: 'reset', times: 1 });
    await expect(get('/keys/k')).rejects.toThrow();
    await server.admin('fault', { on: 'get', kind: 'half', times: 1 });
    await expect(get('/keys/k')).rejects.toThrow();
    await server.admin('fault', { on: 'get', kind: 'kid', kid: 'https://elsewhere.example/keys/x/y', times: 1 });
    expect((await get('/keys/k')).body.key).toMatchObject({ kid: 'https://elsewhere.example/keys/x/y' });
    await server.admin('fault', { on: 'sign', kind: 'truncate', times: 1 });
    const { version } = await server.admin('createKey', { name: 'k' });
    const signed = await post(`/keys/k/${version}/sign`, { alg: 'ES256', value: b64(digest) });
    expect(Buffer.from(String(signed.body.value), 'base64url')).toHaveLength(63);
    await server.admin('fault', { on: 'get', kind: 'status', status: 503, text: '<html>', times: 1 });
    expect(await get('/keys/k')).toMatchObject({ status: 503, text: '<html>' });
  });
});
