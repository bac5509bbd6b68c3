import assert from 'node:assert/strict';
import type { KeyProvider, SigningKey } from '../keys/provider.ts';
import { toCanonicalSpki } from '../keys/public-key.ts';
import { verifySignature } from '../keys/signature.ts';
import { assertRejectsWith, type ConformanceTrial, mustHave } from './conformance-subject.ts';

const text = Buffer.from('conformance.example.com/stream-1\n2\nAAAA\n');

/** What every source of signatures must do. */
export const signingTrials: Readonly<Record<string, ConformanceTrial>> = {
  'resolves a signing key to a version and its canonical public key': async (provider, subject) => {
    const { keyId, algorithm } = mustHave(subject.signingKey, 'signingKey');
    const key = await provider.getSigningKey(keyId);
    assert.equal(key.source, provider.source);
    assert.equal(key.algorithm, algorithm);
    assert.notEqual(key.identity, '');
    assert.equal(key.spki === undefined, algorithm === 'kms-hmac-sha256');
    if (key.spki !== undefined) assert.equal(hex(toCanonicalSpki(key.spki, 'the spki')), hex(key.spki), 'canonical');
    const again = await provider.getSigningKey(key.identity);
    assert.deepEqual({ ...again, spki: hex(again.spki) }, { ...key, spki: hex(key.spki) }, 'the same by its identity');
  },

  'signs what its public key verifies, under the identity that it resolved': async (provider, subject) => {
    const { keyId, algorithm } = mustHave(subject.signingKey, 'signingKey');
    const key = await provider.getSigningKey(keyId);
    for (const name of [keyId, key.identity]) {
      const signature = await provider.sign(name, text);
      assert.equal(signature.identity, key.identity);
      assert.equal(signature.algorithm, algorithm);
      await assertGood(provider, key, text, signature.bytes);
    }
  },

  'signs exactly the bytes it is given': async (provider, subject) => {
    const { keyId } = mustHave(subject.signingKey, 'signingKey');
    const key = await provider.getSigningKey(keyId);
    const inside = new Uint8Array(Buffer.concat([Buffer.alloc(7, 0xee), text, Buffer.alloc(9, 0xdd)])).subarray(
      7,
      7 + text.length,
    );
    await assertGood(provider, key, text, (await provider.sign(keyId, inside)).bytes);
    const longest = Buffer.alloc(4096, 0x61);
    await assertGood(provider, key, longest, (await provider.sign(keyId, longest)).bytes);
    await assertRejectsWith(provider.sign(keyId, Buffer.alloc(4097)), ['USAGE']);
  },

  'finds a bad signature bad, and never throws for it': async (provider, subject) => {
    const { keyId } = mustHave(subject.signingKey, 'signingKey');
    const key = await provider.getSigningKey(keyId);
    const { bytes } = await provider.sign(keyId, text);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    const bad: Record<string, Uint8Array> = {
      'a flipped bit': flipped,
      'a byte less': bytes.subarray(0, -1),
      'a byte more': Buffer.concat([bytes, Buffer.alloc(1)]),
      nothing: Buffer.alloc(0),
    };
    for (const [what, signature] of Object.entries(bad)) {
      assert.equal(await provider.verify(key, text, signature), false, `${what} verified`);
    }
    assert.equal(await provider.verify(key, Buffer.concat([text, Buffer.from('\n')]), bytes), false, 'other data');
  },

  'signs a batch in order': async (provider, subject) => {
    const { keyId } = mustHave(subject.signingKey, 'signingKey');
    const key = await provider.getSigningKey(keyId);
    assert.deepEqual(await provider.signBatch(keyId, []), []);
    const items = Array.from({ length: 23 }, (_, index) => Buffer.from(`item ${index}`));
    const signatures = await provider.signBatch(keyId, items);
    assert.equal(signatures.length, items.length);
    for (const [index, item] of items.entries()) {
      const signature = mustHave(signatures[index], `signature ${index}`);
      assert.equal(signature.identity, key.identity);
      await assertGood(provider, key, item, signature.bytes);
    }
    const tooLong = [...items.slice(0, 2), Buffer.alloc(4097)];
    await assertRejectsWith(provider.signBatch(keyId, tooLong), ['USAGE']);
  },
};

/** What a source of signatures must do when its key is rotated. */
export const signingRotationTrials: Readonly<Record<string, ConformanceTrial>> = {
  'notices a rotation once, signs with the new version, and with the old one by its identity': async (
    provider,
    subject,
  ) => {
    const { keyId } = mustHave(subject.signingKey, 'signingKey');
    const old = await provider.getSigningKey(keyId);
    const oldSignature = await provider.sign(keyId, text);
    assert.equal(await provider.rotateCheck(), false, 'nothing has changed yet');
    await subject.rotate?.(keyId);
    assert.equal(await provider.rotateCheck(), true, 'the first check after a rotation');
    assert.equal(await provider.rotateCheck(), false, 'the second check after a rotation');
    const next = await provider.getSigningKey(keyId);
    assert.notEqual(next.identity, old.identity);
    assert.equal((await provider.sign(keyId, text)).identity, next.identity);
    const pinned = await provider.sign(old.identity, text);
    assert.equal(pinned.identity, old.identity);
    await assertGood(provider, old, text, pinned.bytes);
    await assertGood(provider, old, text, oldSignature.bytes);
    assert.equal(await provider.verify(next, text, oldSignature.bytes), false, 'an old signature under the new key');
  },
};

async function assertGood(
  provider: KeyProvider,
  key: SigningKey,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<void> {
  assert.equal(await provider.verify(key, data, signature), true, 'the provider does not verify its own signature');
  if (key.spki !== undefined) {
    assert.equal(
      await verifySignature(key.algorithm, key.spki, data, signature),
      true,
      'not good under its public key',
    );
  }
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}
