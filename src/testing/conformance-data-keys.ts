import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { DataKey, DataKeyReference, KeyProvider } from '../keys/provider.ts';
import {
  assertRejectsWith,
  type ConformanceTrial,
  conformanceContext as context,
  mustHave,
} from './conformance-subject.ts';

/** What every source of data keys must do. */
export const dataKeyTrials: Readonly<Record<string, ConformanceTrial>> = {
  'hands out 32 bytes in memory of their own, and says whose they are': async (provider, subject) => {
    const { keyId, kind } = mustHave(subject.dataKey, 'dataKey');
    const key = await provider.getKey(keyId, context);
    assert.equal(key.material.length, 32);
    assert.equal(key.material.buffer.byteLength, 32, 'the material shares an ArrayBuffer with other data');
    assert.equal(key.source, provider.source);
    assert.notEqual(key.identity, '');
    assert.equal(key.wrapped !== undefined, kind === 'wrapped', 'wrapped form');
    if (kind === 'wrapped') assert.notEqual(key.identity, keyId, 'the identity is the one returned, version included');
    key.erase();
  },

  'hands out each key to its caller alone': async (provider, subject) => {
    const { keyId, kind } = mustHave(subject.dataKey, 'dataKey');
    const [first, second] = await Promise.all([provider.getKey(keyId, context), provider.getKey(keyId, context)]);
    assert.equal(first.material.equals(second.material), kind === 'local');
    const kept = Buffer.from(second.material);
    first.erase();
    first.erase();
    assert.ok(
      first.material.every((byte) => byte === 0),
      'erase() overwrites',
    );
    assert.deepEqual(second.material, kept, 'erasing one key changed another');
    second.erase();
    const third = await provider.getKey(keyId, context);
    assert.ok(
      third.material.some((byte) => byte !== 0),
      'a key was handed out again after it was erased',
    );
    third.erase();
  },

  'prints no material': async (provider, subject) => {
    const key = await provider.getKey(mustHave(subject.dataKey, 'dataKey').keyId, context);
    const printed = `${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}`;
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      assert.ok(!printed.includes(key.material.toString(encoding)), `printed as ${encoding}`);
    }
    const bytes = inspect(key.material).slice(8, 30);
    assert.ok(!printed.includes(bytes), 'printed as a Buffer');
    key.erase();
  },

  'recovers the key that it handed out': async (provider, subject) => {
    const { keyId } = mustHave(subject.dataKey, 'dataKey');
    const key = await provider.getKey(keyId, context);
    for (const named of [key.identity, keyId]) {
      const recovered = await provider.recoverKey(referenceOf(key), named, context);
      assert.deepEqual(recovered.material, key.material);
      assert.equal(recovered.identity, key.identity);
      recovered.erase();
    }
    key.erase();
  },

  'recovers no key that the caller did not name': async (provider, subject) => {
    const key = await provider.getKey(mustHave(subject.dataKey, 'dataKey').keyId, context);
    key.erase();
    const foreign = { ...referenceOf(key), identity: `${key.identity}-of-somebody-else` };
    await assertRejectsWith(provider.recoverKey(foreign, key.identity, context), ['KEY_NOT_NAMED']);
    const otherSource = { ...referenceOf(key), source: 'another-service' };
    await assertRejectsWith(provider.recoverKey(otherSource, key.identity, context), ['KEY_NOT_NAMED']);
  },
};

/** What a source of wrapped data keys must do besides. */
export const wrappedKeyTrials: Readonly<Record<string, ConformanceTrial>> = {
  'binds a wrapped key to its stream and key period': async (provider, subject) => {
    const key = await provider.getKey(mustHave(subject.dataKey, 'dataKey').keyId, context);
    const reference = referenceOf(key);
    key.erase();
    for (const other of [
      { ...context, origin: `${context.origin}0` },
      { ...context, kid: 'c0ffee00.2' },
    ]) {
      await assertRejectsWith(provider.recoverKey(reference, key.identity, other), ['WRONG_KEY_OR_CONTEXT']);
    }
  },

  'recovers nothing from a wrapped key that was changed': async (provider, subject) => {
    const key = await provider.getKey(mustHave(subject.dataKey, 'dataKey').keyId, context);
    key.erase();
    const wrapped = Buffer.from(mustHave(key.wrapped, 'wrapped'));
    const last = wrapped.length - 1;
    const flipped = Buffer.from(wrapped);
    flipped[last - 4] = (flipped[last - 4] ?? 0) ^ 1;
    const codes = ['WRONG_KEY_OR_CONTEXT', 'KEY_MALFORMED'] as const;
    for (const changed of [flipped, wrapped.subarray(0, last), Buffer.alloc(0)]) {
      const reference = { ...referenceOf(key), wrapped: changed };
      await assertRejectsWith(provider.recoverKey(reference, key.identity, context), codes);
    }
    const without = { source: key.source, identity: key.identity };
    await assertRejectsWith(provider.recoverKey(without, key.identity, context), codes);
  },
};

/** What a source of wrapped data keys must do when the key that wraps them is rotated. */
export const dataKeyRotationTrials: Readonly<Record<string, ConformanceTrial>> = {
  'wraps with the new version after a rotation and still recovers what older ones wrapped': async (
    provider,
    subject,
  ) => {
    const { keyId } = mustHave(subject.dataKey, 'dataKey');
    const old = await provider.getKey(keyId, context);
    await subject.rotate?.(keyId);
    const next = await provider.getKey(keyId, context);
    assert.notEqual(next.identity, old.identity);
    await assertRecovers(provider, old);
    await assertRecovers(provider, next);
  },
};

async function assertRecovers(provider: KeyProvider, key: DataKey): Promise<void> {
  const recovered = await provider.recoverKey(referenceOf(key), key.identity, context);
  assert.deepEqual(recovered.material, key.material);
  recovered.erase();
  key.erase();
}

function referenceOf(key: DataKey): DataKeyReference {
  const reference = { source: key.source, identity: key.identity };
  return key.wrapped === undefined ? reference : { ...reference, wrapped: key.wrapped };
}
