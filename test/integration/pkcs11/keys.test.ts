import pkcs11js from 'pkcs11js';
import { describe, expect, it } from 'vitest';
import { usePkcs11 } from './setup.ts';

/** Which object of the token a name means, and what an object must be. */

const pkcs11 = usePkcs11();
const context = { origin: 'audit.example.com/keys', kid: 'c0ffee00.1' };
const text = Buffer.from('a checkpoint');

/** What an operator does with objects that are there: each gets the handles of those with this label. */
function change(label: string, objectClass: number, act: (session: pkcs11js.Handle, object: pkcs11js.Handle) => void) {
  const { library, slot } = pkcs11.other();
  const session = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  library.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: objectClass },
    { type: pkcs11js.CKA_LABEL, value: label },
  ]);
  const found = library.C_FindObjects(session, 100);
  library.C_FindObjectsFinal(session);
  expect(found.length).toBeGreaterThan(0);
  for (const object of found) act(session, object);
  library.C_CloseSession(session);
}

describe('of several objects with one label', () => {
  it('the one with the greatest number is the newest, however it is written', async () => {
    for (const id of ['01', '0a', '09', '00ff', '0100']) await pkcs11.key('aes', 'numbers', id);
    const provider = await pkcs11.provider();
    expect((await provider.getKey('numbers', context)).identity).toBe('numbers#0100');
    expect((await provider.getKey('numbers#0a', context)).identity).toBe('numbers#0a');
    await expect(provider.getKey('numbers#0b', context)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
    await expect(provider.getKey('numbers#0A', context)).rejects.toMatchObject({ code: 'KEY_VERSION_UNAVAILABLE' });
  });

  it('one whose CKA_ID is a hash is older than every number', async () => {
    await pkcs11.key('p256', 'hashed', 'ff'.repeat(20));
    const provider = await pkcs11.provider();
    expect((await provider.getSigningKey('hashed')).identity).toBe(`hashed#${'ff'.repeat(20)}`);
    await pkcs11.key('ed25519', 'hashed', '01');
    expect(await provider.rotateCheck()).toBe(true);
    expect(await provider.getSigningKey('hashed')).toMatchObject({ identity: 'hashed#01', algorithm: 'ed25519' });
    expect((await provider.sign(`hashed#${'ff'.repeat(20)}`, text)).algorithm).toBe('ecdsa-p256-sha256');
  });

  it.each([
    ['have the same number', ['02', '0002']],
    ['have the same CKA_ID', ['03', '03']],
    ['are both hashes', ['aa'.repeat(20), 'bb'.repeat(20)]],
    ['have no CKA_ID', ['']],
  ])('none is guessed if they %s', async (what, ids) => {
    for (const id of ids) await pkcs11.key('aes', what, id);
    await expect((await pkcs11.provider()).getKey(what, context)).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
  });

  it('each use sees its own: a data key and a signing key may have one name', async () => {
    await pkcs11.key('aes', 'shared', '01');
    await pkcs11.key('p256', 'shared', '02');
    const provider = await pkcs11.provider();
    expect((await provider.getKey('shared', context)).identity).toBe('shared#01');
    expect((await provider.getSigningKey('shared')).identity).toBe('shared#02');
  });
});

describe('a key', () => {
  it.each([
    ['on a curve that the format does not have', 'p521', {}, 'KEY_WRONG_USAGE'],
    ['that may not sign', 'p256', { CKA_SIGN: false }, 'KEY_WRONG_USAGE'],
    ['for HMAC that may not sign', 'hmac', { CKA_SIGN: false }, 'KEY_WRONG_USAGE'],
  ] as const)('%s signs nothing', async (what, kind, attributes, code) => {
    await pkcs11.key(kind, what, '01', attributes);
    await expect((await pkcs11.provider()).sign(what, text)).rejects.toMatchObject({ code });
  });

  it.each([
    ['that may not encrypt', 'aes', { CKA_ENCRYPT: false }, 'KEY_WRONG_USAGE'],
    ['that may not decrypt', 'aes', { CKA_DECRYPT: false }, 'UNSUPPORTED_OPERATION'],
    ['for HMAC that makes none', 'hmac', { CKA_SIGN: false }, 'KEY_WRONG_USAGE'],
  ] as const)('%s gives no data key', async (what, kind, attributes, code) => {
    await pkcs11.key(kind, `${what} `, '01', attributes);
    await expect((await pkcs11.provider()).getKey(`${what} `, context)).rejects.toMatchObject({ code });
  });

  it('that only signs is not found for data keys, and the other way round', async () => {
    await pkcs11.key('p256', 'only signs');
    await pkcs11.key('aes', 'only wraps');
    const provider = await pkcs11.provider();
    await expect(provider.getKey('only signs', context)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(provider.getSigningKey('only wraps')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it('that the token would give away is warned of, once', async () => {
    await pkcs11.key('aes', 'exposed', '01', { CKA_EXTRACTABLE: true });
    await pkcs11.key('aes', 'kept', '01');
    const provider = await pkcs11.provider();
    const warnings: string[] = [];
    provider.onWarning?.(({ message }) => warnings.push(message));
    for (const name of ['exposed', 'kept', 'exposed']) await provider.getKey(name, context);
    expect(warnings).toEqual(['PKCS#11 key exposed#01 can be taken out of the token']);
  });

  it('that is deleted is not found, and comes back', async () => {
    await pkcs11.key('p256', 'deleted');
    const provider = await pkcs11.provider();
    await provider.sign('deleted', text);
    const { library } = pkcs11.other();
    for (const kind of [pkcs11js.CKO_PRIVATE_KEY, pkcs11js.CKO_PUBLIC_KEY])
      change('deleted', kind, (session, object) => library.C_DestroyObject(session, object));
    await expect(provider.sign('deleted', text)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await pkcs11.key('p256', 'deleted', '02');
    expect(await provider.rotateCheck()).toBe(true);
    expect((await provider.sign('deleted', text)).identity).toBe('deleted#02');
  });

  it('whose public key is missing, or that of another key, signs nothing', async () => {
    await pkcs11.key('p256', 'alone');
    await pkcs11.key('p256', 'other', '77');
    const { library } = pkcs11.other();
    const provider = await pkcs11.provider();
    await provider.getSigningKey('other');
    const rename = (from: string, label: string, id: number): void =>
      change(from, pkcs11js.CKO_PUBLIC_KEY, (session, object) =>
        library.C_SetAttributeValue(session, object, [
          { type: pkcs11js.CKA_LABEL, value: label },
          { type: pkcs11js.CKA_ID, value: Buffer.from([id]) },
        ]),
      );
    rename('alone', 'put away', 1);
    await expect(provider.sign('alone', text)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    rename('other', 'alone', 1);
    await expect((await pkcs11.provider()).sign('alone', text)).rejects.toMatchObject({ code: 'RESPONSE_CORRUPTED' });
    const toSign = (await pkcs11.provider()).getSigningKey('alone', { toSign: true });
    await expect(toSign).rejects.toMatchObject({ code: 'KEY_MALFORMED', retryable: false });
    rename('put away', 'alone', 1);
    await expect((await pkcs11.provider()).sign('alone', text)).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
  });

  it.each(['aes', 'hmac'] as const)('of %s unwraps nothing that was changed anywhere', async (kind) => {
    await pkcs11.key(kind, `flipped ${kind}`);
    const provider = await pkcs11.provider();
    const key = await provider.getKey(`flipped ${kind}`, context);
    const wrapped = key.wrapped ?? new Uint8Array();
    const changed = [...wrapped.keys()].map((at) => wrapped.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    for (const bad of [...changed, wrapped.subarray(1), wrapped.subarray(0, -1), Buffer.concat([wrapped, wrapped])]) {
      const recovering = provider.recoverKey(
        { ...key, wrapped: bad, source: key.source, identity: key.identity },
        key.identity,
        context,
      );
      await expect(recovering).rejects.toMatchObject({ code: 'WRONG_KEY_OR_CONTEXT' });
    }
    expect(changed).toHaveLength(kind === 'aes' ? 61 : 65);
  });
});
