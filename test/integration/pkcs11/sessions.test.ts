import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pkcs11js from 'pkcs11js';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type KeyEvent, type KeyProvider, onKeyEvent } from '../../../src/index.ts';
import { usePkcs11 } from './setup.ts';

/** What happens to a session and its login underneath the provider, and who else uses the token in the same process. */

const pkcs11 = usePkcs11();
const context = { origin: 'audit.example.com/sessions', kid: 'c0ffee00.1' };
const text = Buffer.from('a checkpoint');

beforeAll(async () => {
  await pkcs11.key('aes', 'payments');
  await pkcs11.key('p256', 'notary');
  await pkcs11.key('hmac', 'seals');
});

async function useAll(provider: KeyProvider): Promise<void> {
  const key = await provider.getKey('payments', context);
  const again = await provider.recoverKey(key, 'payments', context);
  expect(again.material.equals(key.material)).toBe(true);
  const signing = await provider.getSigningKey('notary');
  expect(await provider.verify(signing, text, (await provider.sign('notary', text)).bytes)).toBe(true);
  const seals = await provider.getSigningKey('seals');
  expect(await provider.verify(seals, text, (await provider.sign('seals', text)).bytes)).toBe(true);
}

const losses: Readonly<Record<string, () => void>> = {
  'all sessions are closed': () => {
    const { library, slot } = pkcs11.other();
    library.C_CloseAllSessions(slot);
  },
  'the login ends': () => {
    const { library, slot } = pkcs11.other();
    library.C_Logout(library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION));
  },
  'the library is finalized': () => pkcs11.other().library.C_Finalize(),
  'the library is finalized, and initialized by somebody else': () => {
    const { library } = pkcs11.other();
    library.C_Finalize();
    library.C_Initialize();
  },
};

describe('goes on, without an error,', () => {
  it.each(Object.entries(losses))('after %s', async (_, lose) => {
    const provider = await pkcs11.provider();
    await useAll(provider);
    lose();
    await useAll(provider);
    lose();
    expect(await provider.rotateCheck()).toBe(false);
    lose();
    expect((await provider.sign('notary', text)).identity).toBe('notary#01');
    lose();
    const events: KeyEvent[] = [];
    const end = onKeyEvent((event) => events.push(event));
    await provider.getKey('payments', context);
    end();
    expect(events).toMatchObject([{ operation: 'getKey', outcome: 'ok', identity: 'payments#01', version: '01' }]);
  });

  it('after the token was away, and is told that it is', async () => {
    const provider = await pkcs11.provider();
    const busy = await pkcs11.provider();
    await useAll(provider);
    const tokens = join(pkcs11.hsm.directory, 'tokens');
    for (const lost of ['moved', 'replaced by a copy']) {
      renameSync(tokens, `${tokens}.away`);
      mkdirSync(tokens);
      const given = AbortSignal.timeout(1_500); // it is tried again until then
      await expect(provider.sign('notary', text, { signal: given }), lost).rejects.toMatchObject({
        name: 'TamperError',
      });
      rmSync(tokens, { recursive: true });
      if (lost === 'moved') renameSync(`${tokens}.away`, tokens);
      else {
        cpSync(`${tokens}.away`, tokens, { recursive: true });
        rmSync(`${tokens}.away`, { recursive: true });
      }
      await vi.waitFor(() => useAll(provider), { timeout: 30_000, interval: 500 });
      await useAll(busy);
    }
  }, 90_000);

  it('while another provider of the process opens and closes sessions with the token', async () => {
    const [one, two] = [await pkcs11.provider(), await pkcs11.provider()];
    await Promise.all([useAll(one), useAll(two)]);
    await two.close();
    await useAll(one);
  });

  it('with fifty calls at once, also when the sessions are closed among them', async () => {
    const provider = await pkcs11.provider();
    const key = await provider.getSigningKey('notary');
    const calls = Array.from({ length: 50 }, (_, n) => provider.sign('notary', Buffer.from(`item ${n}`)));
    const keys = Array.from({ length: 10 }, () => provider.getKey('payments', context));
    setImmediate(() => losses['all sessions are closed']?.());
    for (const [n, signature] of (await Promise.all(calls)).entries()) {
      expect(await provider.verify(key, Buffer.from(`item ${n}`), signature.bytes)).toBe(true);
    }
    expect(new Set((await Promise.all(keys)).map(({ material }) => material.toString('hex'))).size).toBe(10);
  });
});

it('a caller that gives up while others are served gets ABORTED, and the others are not hurt', async () => {
  const provider = await pkcs11.provider();
  await provider.getSigningKey('notary');
  const controller = new AbortController();
  const batch = Array.from({ length: 300 }, (_, n) => Buffer.from(`item ${n}`));
  const long = provider.signBatch('notary', batch, { signal: controller.signal });
  const waiting = provider.sign('notary', text, { signal: controller.signal });
  const patient = provider.sign('notary', text);
  setTimeout(() => controller.abort(), 2);
  await expect(long).rejects.toMatchObject({ code: 'ABORTED' });
  await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
  expect((await patient).identity).toBe('notary#01');
});

it('closing ends what is under way, leaves no session open, and does not touch those of others', async () => {
  const { library, slot } = pkcs11.other();
  const provider = await pkcs11.provider();
  await useAll(provider);
  const own = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
  const batch = provider.signBatch(
    'notary',
    Array.from({ length: 200 }, () => text),
  );
  const refused = expect(batch).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  await provider.close();
  await refused;
  expect(library.C_GetSessionInfo(own).state).toBe(1); // it and its login are still there
  library.C_CloseSession(own);
  const after = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
  expect(library.C_GetSessionInfo(after).state).toBe(0); // it was the last session, so nobody is logged in
  library.C_CloseSession(after);
});

it('prints no PIN and no key', async () => {
  const provider = await pkcs11.provider();
  const key = await provider.getKey('payments', context);
  const shown = inspect([provider, key], { depth: 20, showHidden: true });
  expect(shown).not.toContain(pkcs11.token.pin);
  expect(shown).not.toContain(key.material.toString('hex'));
});
