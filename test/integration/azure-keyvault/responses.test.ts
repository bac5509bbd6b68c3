import { describe, expect, it } from 'vitest';
import { useAzureServer } from './setup.ts';

const azure = useAzureServer();
const root = Buffer.from('audit.example.com/azure\n2\nAAAA\n');
const foreign = 'https://elsewhere.example/keys/k/00000000000000000000000000000000';

describe('answers that are not what they should be are discarded and coded', () => {
  it.each([
    ['a truncated signature', { on: 'sign', kind: 'truncate' }, 'RESPONSE_MALFORMED'],
    ['a flipped bit', { on: 'sign', kind: 'flip' }, 'RESPONSE_CORRUPTED'],
    ['the id of another host', { on: 'sign', kind: 'kid', kid: foreign }, 'RESPONSE_CORRUPTED'],
    ['the key of another host', { on: 'get', kind: 'kid', kid: foreign }, 'RESPONSE_CORRUPTED'],
    ['an id that is none', { on: 'get', kind: 'kid', kid: 'k' }, 'RESPONSE_MALFORMED'],
    ['no key at all', { on: 'get', kind: 'merge', members: { key: null } }, 'RESPONSE_MALFORMED'],
    ['no value', { on: 'sign', kind: 'merge', members: { value: null } }, 'RESPONSE_MALFORMED'],
    ['a body that ends too early', { on: 'sign', kind: 'half' }, 'UNAVAILABLE'],
    ['no JSON', { on: 'sign', kind: 'garbage' }, 'RESPONSE_MALFORMED'],
  ])('%s', async (_, fault, code) => {
    await azure.create('k');
    const provider = azure.provider();
    await azure.server.admin('fault', fault);
    await expect(provider.sign(azure.key('k'), root)).rejects.toMatchObject({ code, retryable: true });
  });

  it.each([
    ['a truncated signature', { on: 'sign', kind: 'truncate' }],
    ['a flipped bit', { on: 'sign', kind: 'flip' }],
    ['the id of another key', { on: 'sign', kind: 'kid', kid: foreign }],
    ['a key on another host', { on: 'get', kind: 'kid', kid: foreign }],
    ['no JSON', { on: 'get', kind: 'garbage' }],
    ['a reset connection', { on: 'sign', kind: 'reset' }],
    ['503', { on: 'sign', kind: 'status', status: 503 }],
    ['429 with a hint', { on: 'sign', kind: 'throttle', retryAfter: 1 }],
    ['429 without one', { on: 'get', kind: 'throttle' }],
  ])('%s, once, is asked for again, and the right answer is taken', async (_, fault) => {
    const made = await azure.create('k');
    const provider = azure.provider();
    await azure.server.admin('fault', { ...fault, times: 1 });
    const signature = await provider.sign(azure.key('k'), root);
    expect(signature.identity).toBe(azure.identity(made));
    const key = await provider.getSigningKey(azure.key('k'));
    await expect(provider.verify(key, root, signature.bytes)).resolves.toBe(true);
  });

  it('a key without attributes is taken as enabled', async () => {
    const made = await azure.create('k');
    await azure.server.admin('fault', { on: 'get', kind: 'merge', members: { attributes: null } });
    expect((await azure.provider().sign(azure.key('k'), root)).identity).toBe(azure.identity(made));
  });

  it('a signature of another version is none of this one', async () => {
    const old = await azure.create('k');
    const next = await azure.create('k');
    const provider = azure.provider();
    await azure.server.admin('fault', { on: 'sign', kind: 'stale', version: old.version });
    await expect(provider.sign(azure.identity(next), root)).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
  });

  it('an old answer to which version is current is believed no longer than the cache may be', async () => {
    const old = await azure.create('k');
    const next = await azure.create('k');
    await azure.server.admin('fault', { on: 'get', kind: 'stale', version: old.version, times: 1 });
    const provider = azure.provider();
    expect((await provider.getSigningKey(azure.key('k'))).identity).toBe(azure.identity(old));
    await expect(provider.rotateCheck()).resolves.toBe(true);
    expect((await provider.getSigningKey(azure.key('k'))).identity).toBe(azure.identity(next));
  });

  it('a next page on another host is asked for at the vault that was configured', async () => {
    await azure.create('k', { created: 1_700_000_000 });
    await azure.create('k', { created: 1_700_000_001, enabled: false });
    const nextLink = 'https://elsewhere.example/keys/k/versions?api-version=2025-07-01&$skiptoken=1&maxresults=1';
    await azure.server.admin('fault', { on: 'versions', kind: 'merge', members: { nextLink }, times: 1 });
    await azure.provider().getSigningKey(azure.key('k'));
    const pages = (await azure.server.admin('requests')).filter(({ operation }) => operation === 'versions');
    expect(pages.length).toBeGreaterThanOrEqual(2);
  });

  it.each(['iv', 'tag', 'value'])('a data key whose %s is too short is not handed out', async (member) => {
    await azure.create('o', { kty: 'oct-HSM' });
    await azure.server.admin('fault', { on: 'encrypt', kind: 'merge', members: { [member]: 'AAAA' } });
    const minted = azure.provider().getKey(azure.key('o'), { origin: 'a/b', kid: 'c0ffee00.1' });
    await expect(minted).rejects.toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });
});

describe('refusals of the service', () => {
  it.each([
    ['no role', 403, 'Forbidden', 'ForbiddenByRbac', 'ACCESS_DENIED'],
    ['an access policy', 403, 'Forbidden', 'AccessDenied', 'ACCESS_DENIED'],
    ['the firewall', 403, 'Forbidden', 'ForbiddenByFirewall', 'ACCESS_DENIED'],
    ['a word that we do not know', 403, 'Forbidden', 'SomethingNew', 'ACCESS_DENIED'],
    ['no inner code', 403, 'Forbidden', undefined, 'ACCESS_DENIED'],
    ['a disabled key', 403, 'Forbidden', 'KeyDisabled', 'KEY_DISABLED'],
    ['a deleted key', 409, 'Conflict', 'ObjectIsDeletedButRecoverable', 'KEY_PENDING_DELETION'],
    ['a bad parameter', 400, 'BadParameter', undefined, 'KEY_WRONG_USAGE'],
    ['an absent version', 404, 'KeyNotFound', undefined, 'KEY_NOT_FOUND'],
    ['an unauthorized call without a challenge', 401, 'Unauthorized', undefined, 'UNAUTHENTICATED'],
    ['a method that is not implemented', 501, 'NotImplemented', undefined, 'USAGE'],
  ])('%s (%i %s %s) is %s', async (_, status, code, inner, ours) => {
    const made = await azure.create('k');
    const error = { code, message: 'words', ...(inner === undefined ? {} : { innererror: { code: inner } }) };
    await azure.server.admin('fault', { on: 'sign', kind: 'status', status, body: { error } });
    await azure.server.admin('clearRequests');
    const refused = azure.provider().sign(azure.identity(made), root);
    await expect(refused).rejects.toMatchObject({ code: ours, retryable: false });
    const tries = (await azure.server.admin('requests')).filter((seen) => seen.operation === 'sign' && seen.caller);
    expect(tries).toHaveLength(status === 401 ? 2 : 1); // once more with a new token
  });

  it('tells a deleted key from one that never was', async () => {
    await azure.create('k');
    await azure.server.admin('deleteKey', { name: 'k' });
    const provider = azure.provider();
    await expect(provider.getSigningKey(azure.key('k'))).rejects.toMatchObject({ code: 'KEY_PENDING_DELETION' });
    await expect(provider.getSigningKey(azure.key('never'))).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it.each([400, 403, 405, 501, 503])('does not need the list of deleted keys to be there (%i)', async (status) => {
    await azure.server.admin('fault', { on: 'deleted', kind: 'status', status });
    await expect(azure.provider().getSigningKey(azure.key('never'))).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it('gives the request id of the service with the refusal, and in the event of a success', async () => {
    await azure.create('k');
    await azure.server.admin('principal', { clientId: 'writer-app', allow: ['get'] });
    const error = await azure
      .provider()
      .sign(azure.key('k'), root)
      .catch((thrown: unknown) => thrown);
    const refusal = (await azure.server.admin('requests')).find(({ refused }) => refused === 'ForbiddenByRbac');
    expect(error).toMatchObject({ code: 'ACCESS_DENIED', requestId: refusal?.requestId });
  });

  it.each([
    ['encrypts only', ['encrypt', 'decrypt'], 'RSA'],
    ['is an AES key', undefined, 'oct-HSM'],
  ])('a key that %s signs nothing, and the vault is not asked to', async (_, key_ops, kty) => {
    await azure.create('k', { kty, ...(key_ops === undefined ? {} : { key_ops }) });
    await expect(azure.provider().sign(azure.key('k'), root)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
    expect((await azure.server.admin('requests')).some(({ operation }) => operation === 'sign')).toBe(false);
  });
});
