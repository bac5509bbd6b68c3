import { setImmediate as turn } from 'node:timers/promises';
import { KMS } from '@aws-sdk/client-kms';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type KeyEvent, type KeyProvider, onKeyEvent } from '../../../src/index.ts';
import { type AwsKmsClient, AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { FakeClock, providerConformance } from '../../../src/testing/index.ts';
import { FakeKms, kmsException } from './fake-client.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
const text = Buffer.from('audit.example.com/payments/host-7\n2\nAAAA\n');

it('takes a client of the SDK as it is', () => {
  expectTypeOf(new KMS({ region: 'eu-west-1' })).toExtend<AwsKmsClient>();
  expectTypeOf<AwsKmsProvider>().toExtend<KeyProvider>();
});

describe('conformance on the documented shapes, material rotated in place', () => {
  const kms = new FakeKms();
  const wrap = kms.alias('alias/wrap', kms.createKey());
  const sign = kms.alias('alias/sign', kms.createKey('ECC_NIST_EDWARDS25519'));
  for (const check of providerConformance({
    name: 'AwsKmsProvider, fake client,',
    create: () => new AwsKmsProvider({ client: kms }),
    dataKey: { keyId: wrap, kind: 'wrapped' },
    signingKey: { keyId: sign, algorithm: 'ed25519' },
    absentKey: { keyId: 'alias/absent' },
    rotate: async (keyId) => {
      if (keyId === wrap) kms.rotate(keyId);
      else kms.alias(keyId, kms.createKey('ECC_NIST_EDWARDS25519'));
    },
  })) {
    it(check.name, () => check.run());
  }
});

describe('key material', () => {
  it('is part of the identity, changes with a rotation, and decrypts for ever', async () => {
    const kms = new FakeKms();
    const arn = kms.createKey();
    const provider = new AwsKmsProvider({ client: kms });
    const keys = [await provider.getKey(arn, context)];
    for (let rotation = 0; rotation < 3; rotation += 1) {
      kms.rotate(arn);
      expect(await provider.rotateCheck()).toBe(true);
      expect(await provider.rotateCheck()).toBe(false);
      keys.push(await provider.getKey(arn, context));
    }
    expect(new Set(keys.map((key) => key.identity)).size).toBe(4);
    for (const { identity, wrapped = new Uint8Array(), material, source } of keys) {
      expect(identity).toMatch(new RegExp(`^${arn}#[0-9a-f]{64}$`));
      const recovered = await provider.recoverKey({ source, identity, wrapped }, arn, context);
      expect(recovered.identity).toBe(identity);
      expect(recovered.material.equals(material)).toBe(true);
    }
  });

  it('is said by the reply, not by DescribeKey: a writer needs no more than GenerateDataKey', async () => {
    const kms = new FakeKms();
    const provider = new AwsKmsProvider({ client: kms });
    await provider.getKey(kms.createKey(), context);
    expect(kms.calls).toEqual(['GenerateDataKey']);
  });
});

it('signs with a version that it knows without asking about it, however old', async () => {
  const kms = new FakeKms();
  const alias = kms.alias('alias/sign', kms.createKey('ECC_NIST_EDWARDS25519'));
  const provider = new AwsKmsProvider({ client: kms, keyCacheTtlSeconds: 0 });
  const { identity } = await provider.getSigningKey(alias);
  kms.calls.length = 0;
  await provider.sign(identity, text);
  expect(kms.calls).toEqual(['Sign']);
});

it('resolves the auditor’s alias once per key_cache_ttl_seconds, not once per key period', async () => {
  const kms = new FakeKms();
  const [arn, other] = [kms.createKey(), kms.createKey()];
  const alias = kms.alias('alias/wrap', arn);
  const clock = new FakeClock();
  const provider = new AwsKmsProvider({ client: kms, keyCacheTtlSeconds: 300, clock });
  const { identity, wrapped = new Uint8Array() } = await provider.getKey(arn, context);
  const reference = { source: 'aws-kms', identity, wrapped };
  kms.calls.length = 0;
  for (let period = 0; period < 3; period += 1) (await provider.recoverKey(reference, alias, context)).erase();
  expect(kms.calls).toEqual(['DescribeKey', 'Decrypt', 'Decrypt', 'Decrypt']);
  kms.alias('alias/wrap', other);
  await clock.advance(300_000);
  await expect(provider.recoverKey(reference, alias, context)).rejects.toMatchObject({ code: 'KEY_NOT_NAMED' });
});

describe('replies that are wrong', () => {
  it.each<[string, object, string]>([
    ['no key ARN', { KeyId: undefined }, 'RESPONSE_MALFORMED'],
    ['an alias ARN for a key', { KeyId: 'arn:aws:kms:eu-west-1:111122223333:alias/a' }, 'RESPONSE_MALFORMED'],
    [
      'an ARN that would break out of its line',
      { KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/a"\n' },
      'RESPONSE_MALFORMED',
    ],
    ['another key', { KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/other' }, 'RESPONSE_CORRUPTED'],
    ['a key material id that is none', { KeyMaterialId: 'a#b' }, 'RESPONSE_MALFORMED'],
    ['31 bytes', { Plaintext: new Uint8Array(31).fill(1) }, 'RESPONSE_MALFORMED'],
    ['a key of zeros', { Plaintext: new Uint8Array(32) }, 'KEY_MALFORMED'],
    ['no wrapped key', { CiphertextBlob: undefined }, 'RESPONSE_MALFORMED'],
    ['a wrapped key that is too long', { CiphertextBlob: new Uint8Array(6145) }, 'RESPONSE_MALFORMED'],
  ])('GenerateDataKey with %s', async (_what, change, code) => {
    const kms = new FakeKms();
    const arn = kms.createKey();
    const plaintext = new Uint8Array(32).fill(7);
    kms.intercept = () => ({
      KeyId: arn,
      KeyMaterialId: 'abc',
      Plaintext: plaintext,
      CiphertextBlob: new Uint8Array(100),
      ...change,
    });
    await expect(new AwsKmsProvider({ client: kms }).getKey(arn, context)).rejects.toMatchObject({ code });
    if (!('Plaintext' in change)) expect(plaintext.every((byte) => byte === 0)).toBe(true); // erased all the same
  });

  it('Decrypt by another key than the one that was named', async () => {
    const kms = new FakeKms();
    const [arn, other] = [kms.createKey(), kms.createKey()];
    const provider = new AwsKmsProvider({ client: kms });
    const { identity, wrapped = new Uint8Array() } = await provider.getKey(arn, context);
    kms.intercept = () => ({ KeyId: other, Plaintext: new Uint8Array(32).fill(7) });
    await expect(provider.recoverKey({ source: 'aws-kms', identity, wrapped }, arn, context)).rejects.toMatchObject({
      code: 'WRONG_KEY_OR_CONTEXT',
    });
  });

  it.each<[string, string, object, string]>([
    [
      'Sign',
      'by another key',
      { KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/other', Signature: new Uint8Array(64) },
      'RESPONSE_CORRUPTED',
    ],
    [
      'Sign',
      'by another algorithm',
      { SigningAlgorithm: 'ED25519_PH_SHA_512', Signature: new Uint8Array(64) },
      'RESPONSE_CORRUPTED',
    ],
    ['Sign', 'without a signature', {}, 'RESPONSE_MALFORMED'],
    ['GetPublicKey', 'of another key', { KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/other' }, 'RESPONSE_CORRUPTED'],
    ['GetPublicKey', 'without a key', {}, 'RESPONSE_MALFORMED'],
    ['GetPublicKey', 'that is no SPKI', { PublicKey: new Uint8Array(44) }, 'KEY_MALFORMED'],
    ['DescribeKey', 'without metadata', { KeyMetadata: undefined }, 'RESPONSE_MALFORMED'],
  ])('%s %s', async (operation, _what, change, code) => {
    const kms = new FakeKms();
    const arn = kms.createKey('ECC_NIST_EDWARDS25519');
    kms.intercept = (called) => (called === operation ? { KeyId: arn, ...change } : undefined);
    await expect(new AwsKmsProvider({ client: kms }).sign(arn, text)).rejects.toMatchObject({ code });
  });

  it.each<[object | undefined, string | boolean]>([
    [{ MacValid: false }, false],
    [{ MacValid: true }, true],
    [{ MacValid: undefined }, 'RESPONSE_MALFORMED'],
    [{ MacValid: true, KeyId: 'arn:aws:kms:eu-west-1:111122223333:key/other' }, 'RESPONSE_CORRUPTED'],
  ])('VerifyMac answering %j is %s', async (change, expected) => {
    const kms = new FakeKms();
    const arn = kms.createKey('HMAC_256');
    kms.intercept = () => ({ KeyId: arn, ...change });
    const provider = new AwsKmsProvider({ client: kms });
    const verdict = provider.verify(
      { source: 'aws-kms', identity: arn, algorithm: 'kms-hmac-sha256' },
      text,
      new Uint8Array(32),
    );
    if (typeof expected === 'string') await expect(verdict).rejects.toMatchObject({ code: expected });
    else expect(await verdict).toBe(expected);
  });
});

describe('verify', () => {
  it.each([
    'AccessDeniedException',
    'DisabledException',
    'ThrottlingException',
    'KMSInternalException',
    'NotFoundException',
  ])('never turns %s into false', async (name) => {
    const kms = new FakeKms();
    const arn = kms.createKey('HMAC_256');
    kms.intercept = () => {
      throw kmsException(name);
    };
    const key = { source: 'aws-kms', identity: arn, algorithm: 'kms-hmac-sha256' } as const;
    const verdict = new AwsKmsProvider({ client: kms }).verify(key, text, new Uint8Array(32));
    await expect(verdict).rejects.toMatchObject({ name: 'TamperError' });
  });
});

describe('a key that cannot be used', () => {
  it.each([
    ['Disabled', 'KEY_DISABLED'],
    ['PendingDeletion', 'KEY_PENDING_DELETION'],
    ['PendingReplicaDeletion', 'KEY_PENDING_DELETION'],
    ['PendingImport', 'KEY_VERSION_UNAVAILABLE'],
    ['Unavailable', 'KEY_VERSION_UNAVAILABLE'],
    ['Creating', 'KEY_VERSION_UNAVAILABLE'],
  ])('in state %s gives %s', async (state, code) => {
    const kms = new FakeKms();
    const [wrap, sign] = [kms.createKey(), kms.createKey('ECC_NIST_EDWARDS25519')];
    const provider = new AwsKmsProvider({ client: kms });
    const known = await provider.getSigningKey(sign);
    for (const arn of [wrap, sign]) kms.setState(arn, state);
    await expect(provider.getKey(wrap, context)).rejects.toMatchObject({ code });
    await expect(provider.sign(sign, text)).rejects.toMatchObject({ code }); // known, so Sign itself says it
    const fresh = new AwsKmsProvider({ client: kms });
    await expect(fresh.getSigningKey(kms.alias('alias/sign', sign))).rejects.toMatchObject({ code });
    expect(await fresh.getSigningKey(sign)).toEqual(known); // retired, and an auditor asks by its ARN
  });
});

describe('deadlines', () => {
  it('end a call that ignores its signal, and erase the key that comes too late', async () => {
    const kms = new FakeKms();
    const arn = kms.createKey();
    const clock = new FakeClock();
    const plaintext = new Uint8Array(32).fill(7);
    let arrive: () => void = () => undefined;
    kms.intercept = () =>
      new Promise((resolve) => {
        arrive = () => resolve({ KeyId: arn, Plaintext: plaintext, CiphertextBlob: new Uint8Array(100) });
      });
    const provider = new AwsKmsProvider({ client: kms, timeoutMs: 1_000, clock });
    const failure = expect(provider.getKey(arn, context)).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
    await clock.advance(1_000);
    await failure;
    arrive();
    await turn();
    expect(plaintext.every((byte) => byte === 0)).toBe(true);
    kms.calls.length = 0;
    expect(await provider.rotateCheck()).toBe(false);
    expect(kms.calls).toEqual([]); // nothing was made of it
  });

  it('end when the caller gives up', async () => {
    const kms = new FakeKms();
    const arn = kms.createKey();
    const caller = new AbortController();
    kms.intercept = () => {
      caller.abort();
      return new Promise(() => undefined);
    };
    const failure = new AwsKmsProvider({ client: kms }).getKey(arn, context, { signal: caller.signal });
    await expect(failure).rejects.toMatchObject({ code: 'ABORTED', retryable: false });
  });

  it('stop a batch whose client does not listen', async () => {
    const kms = new FakeKms();
    const arn = kms.createKey('ECC_NIST_EDWARDS25519');
    const provider = new AwsKmsProvider({ client: kms, concurrency: 1 });
    const { identity } = await provider.getSigningKey(arn);
    const caller = new AbortController();
    kms.calls.length = 0;
    kms.intercept = () => {
      if (kms.calls.length === 2) caller.abort();
      return { KeyId: arn, Signature: new Uint8Array(64) };
    };
    const failure = provider.signBatch(identity, [text, text, text, text], { signal: caller.signal });
    await expect(failure).rejects.toMatchObject({ code: 'ABORTED' });
    await turn();
    expect(kms.calls).toEqual(['Sign', 'Sign']);
  });

  it('are longer for a batch that needs several rounds', async () => {
    const kms = new FakeKms();
    const arn = kms.createKey('ECC_NIST_EDWARDS25519');
    const clock = new FakeClock();
    const provider = new AwsKmsProvider({ client: kms, timeoutMs: 1_000, concurrency: 2, clock });
    await provider.getSigningKey(arn);
    let inFlight = 0;
    let most = 0;
    kms.intercept = async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise<void>((resolve) => void clock.after(900, resolve));
      inFlight -= 1;
    };
    const batch = provider.signBatch(arn, [text, text, text, text, text, text]);
    await clock.advance(2_700);
    expect(await batch).toHaveLength(6);
    expect(most).toBe(2);
  });
});

it('tells of each use: operation, identity, request id, attempts', async () => {
  const kms = new FakeKms();
  const arn = kms.createKey('ECC_NIST_EDWARDS25519');
  const provider = new AwsKmsProvider({ client: kms });
  const events: KeyEvent[] = [];
  const stop = onKeyEvent((event) => events.push(event));
  await provider.sign(arn, text);
  kms.setState(arn, 'Disabled');
  await expect(provider.sign(arn, text)).rejects.toMatchObject({ code: 'KEY_DISABLED' });
  await provider.rotateCheck();
  stop();
  const requestId = 'request-id-of-the-fake';
  expect(events).toMatchObject([
    { operation: 'getSigningKey', identity: arn, outcome: 'ok', attempts: 2, requestId },
    { operation: 'sign', keyId: arn, identity: arn, outcome: 'ok', attempts: 1, requestId },
    { operation: 'sign', keyId: arn, outcome: 'KEY_DISABLED', attempts: 1, requestId },
    { operation: 'rotateCheck', outcome: 'ok', attempts: 0 },
  ]);
});
