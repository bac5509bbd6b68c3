import assert from 'node:assert/strict';
import type { TamperErrorCode } from '../errors.ts';
import { type KeyEvent, onKeyEvent } from '../keys/events.ts';
import { isOwnSource, namesIdentity } from '../keys/identity.ts';
import type { CallOptions, KeyProvider } from '../keys/provider.ts';
import {
  assertRejectsWith,
  type ConformanceFault,
  type ConformanceSubject,
  type ConformanceTrial,
  conformanceContext as context,
  mustHave,
} from './conformance-subject.ts';

const text = Buffer.from('conformance.example.com/stream-1\n2\nAAAA\n');

/** One call of each power that the subject claims. */
function powers(subject: ConformanceSubject): Map<string, (p: KeyProvider, o: CallOptions) => Promise<unknown>> {
  const calls = new Map<string, (p: KeyProvider, o: CallOptions) => Promise<unknown>>();
  const { dataKey, signingKey } = subject;
  if (dataKey !== undefined) calls.set('getKey', (p, o) => p.getKey(dataKey.keyId, context, o));
  if (signingKey !== undefined) {
    calls.set('getSigningKey', (p, o) => p.getSigningKey(signingKey.keyId, o));
    calls.set('sign', (p, o) => p.sign(signingKey.keyId, text, o));
    calls.set('signBatch', (p, o) => p.signBatch(signingKey.keyId, [text, text], o));
  }
  return calls;
}

/** What every provider must do. */
export const lifecycleTrials: Readonly<Record<string, ConformanceTrial>> = {
  'begins nothing for a caller who has given up': async (provider, subject) => {
    for (const call of powers(subject).values()) {
      await assertRejectsWith(call(provider, { signal: AbortSignal.abort() }), ['ABORTED']);
    }
  },

  'publishes one event for each use of a key': async (provider, subject) => {
    const events: KeyEvent[] = [];
    const end = onKeyEvent((event) => events.push(event));
    try {
      for (const [operation, call] of powers(subject)) {
        events.length = 0;
        await call(provider, {});
        const [event, ...others] = events.filter((candidate) => candidate.operation === operation);
        assert.equal(others.length, 0, `${operation} published more than one event`);
        if (operation === 'getSigningKey' && event === undefined) continue; // answered from what was known
        const { outcome, source, durationMs } = mustHave(event, `an event for ${operation}`);
        assert.equal(outcome, 'ok');
        assert.equal(source, provider.source);
        assert.ok(durationMs >= 0);
      }
    } finally {
      end();
    }
  },

  'gives keys whose identity is the name that was asked for, or a version of it': async (
    provider,
    { dataKey, signingKey },
  ) => {
    if (isOwnSource(provider.source)) return; // some have other names for a key
    const mustName = (keyId: string, { identity }: { readonly identity: string }): void =>
      assert.ok(namesIdentity(keyId, provider, identity), `${identity} is not ${keyId}, nor a version of it`);
    if (dataKey !== undefined) {
      const key = await provider.getKey(dataKey.keyId, context);
      key.erase();
      mustName(dataKey.keyId, key);
    }
    if (signingKey !== undefined) mustName(signingKey.keyId, await provider.getSigningKey(signingKey.keyId));
  },

  'closes twice and then refuses everything': async (provider, subject) => {
    await provider.close();
    await provider.close();
    for (const call of powers(subject).values()) await assertRejectsWith(call(provider, {}), ['PROVIDER_CLOSED']);
    await assertRejectsWith(provider.rotateCheck(), ['PROVIDER_CLOSED']);
  },
};

/** What every provider must do with a key that does not exist. */
export const absentKeyTrials: Readonly<Record<string, ConformanceTrial>> = {
  'says of a key that does not exist that it does not exist': async (provider, subject) => {
    const { keyId, code } = mustHave(subject.absentKey, 'absentKey');
    const codes: TamperErrorCode[] = [code ?? 'KEY_NOT_FOUND'];
    if (subject.dataKey !== undefined) await assertRejectsWith(provider.getKey(keyId, context), codes);
    if (subject.signingKey !== undefined) {
      await assertRejectsWith(provider.getSigningKey(keyId), codes);
      await assertRejectsWith(provider.sign(keyId, text), codes);
    }
  },
};

/** Every power that needs the source throws the fault's code while it lasts, and works again after it. */
export function faultTrial(fault: ConformanceFault): ConformanceTrial {
  return async (provider, subject) => {
    const end = await fault.begin();
    try {
      for (const call of powers(subject).values()) await assertRejectsWith(call(provider, {}), fault.codes);
    } finally {
      await end();
    }
    const fresh = await subject.create();
    try {
      for (const call of powers(subject).values()) await call(fresh, {});
    } finally {
      await fresh.close();
    }
  };
}
