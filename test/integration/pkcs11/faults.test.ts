import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeyProvider } from '../../../src/index.ts';
import { usePkcs11 } from './setup.ts';

/** Faults that SoftHSM does not have: a library between it and the provider makes them, and counts the calls. */

const pkcs11 = usePkcs11();
const context = { origin: 'audit.example.com/faults', kid: 'c0ffee00.1' };
const text = Buffer.from('a checkpoint');
const library = join(pkcs11.hsm.directory, 'faulty.so');
const faults = join(pkcs11.hsm.directory, 'faults');

const CKR = {
  GENERAL: 0x5,
  DEVICE_ERROR: 0x30,
  DEVICE_REMOVED: 0x32,
  PIN_LOCKED: 0xa4,
  TOKEN_NOT_PRESENT: 0xe0,
} as const;
const SESSION = { CLOSED: 0xb0, COUNT: 0xb1, INVALID: 0xb3 } as const;
const NOT_LOGGED_IN = 0x101;
const FLAGS = { FINAL_TRY: 0x20000, LOCKED: 0x40000 } as const;

beforeAll(async () => {
  process.env['FAULTY_LIBRARY'] = faults;
  process.env['FAULTY_LIBRARY_OF'] = pkcs11.hsm.library;
  const source = fileURLToPath(new URL('faulty-library.c', import.meta.url));
  const includes = fileURLToPath(new URL('../../../node_modules/pkcs11js/includes', import.meta.url));
  execFileSync('cc', ['-shared', '-fPIC', '-Wall', '-Werror', '-I', includes, '-o', library, source, '-ldl']);
  await pkcs11.key('aes', 'payments');
  await pkcs11.key('p256', 'notary');
});
beforeEach(() => set());

/** Until the next one: [function, return value, how often]. */
function set(...all: readonly (readonly [string, number, number])[]): void {
  writeFileSync(faults, all.map((one) => `${one.join(' ')}\n`).join(''));
  rmSync(`${faults}.calls`, { force: true });
}

function callsOf(name: string): number {
  if (!existsSync(`${faults}.calls`)) return 0;
  return readFileSync(`${faults}.calls`, 'utf8')
    .split('\n')
    .filter((line) => line === name).length;
}

const create = (given = {}): Promise<KeyProvider> => pkcs11.provider({ module: library, ...given });

describe('a session that is lost', () => {
  it.each(Object.entries({ ...CKR, ...SESSION, NOT_LOGGED_IN }).filter(([name]) => !/GENERAL|LOCKED|COUNT/.test(name)))(
    'in a signature (%s) is opened again once, and nobody notices',
    async (_, value) => {
      const provider = await create();
      await provider.sign('notary', text);
      set(['C_Sign', value, 1]);
      expect((await provider.sign('notary', text)).identity).toBe('notary#01');
      expect([callsOf('C_Sign'), callsOf('C_OpenSession'), callsOf('C_Login')]).toEqual([2, 1, 1]);
    },
  );

  it.each(['C_SignInit', 'C_FindObjectsInit', 'C_OpenSession'])('in %s is opened again', async (name) => {
    const provider = await create();
    set([name, CKR.DEVICE_REMOVED, 1]);
    expect((await provider.sign('notary', text)).identity).toBe('notary#01');
  });

  it('for good ends in UNAVAILABLE after a few attempts, and works again when the token does', async () => {
    const provider = await create();
    await provider.sign('notary', text);
    set(['C_Sign', CKR.DEVICE_ERROR, 1000]);
    await expect(provider.sign('notary', text)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(callsOf('C_Sign')).toBeLessThanOrEqual(6);
    set();
    expect((await provider.sign('notary', text)).identity).toBe('notary#01');
  });

  it('because the token has none left ends in THROTTLED', async () => {
    const provider = await create();
    set(['C_OpenSession', SESSION.COUNT, 1000]);
    await expect(provider.sign('notary', text)).rejects.toMatchObject({ code: 'THROTTLED', retryable: true });
  });

  it('while a data key is unwrapped is no wrong key', async () => {
    const provider = await create();
    const key = await provider.getKey('payments', context);
    set(['C_Decrypt', CKR.DEVICE_REMOVED, 1]);
    const again = await provider.recoverKey(key, 'payments', context);
    expect(again.material.equals(key.material)).toBe(true);
    set(['C_Decrypt', CKR.GENERAL, 1000]);
    await expect(provider.recoverKey(key, 'payments', context)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a PIN', () => {
  it('that is wrong reaches the token once, for any number of calls and providers', async () => {
    const pin_file = pkcs11.hsm.writePin('wrong', 'canary-wrong');
    for (let n = 0; n < 3; n++) {
      const provider = await create({ pin_file });
      const calls = Array.from({ length: 5 }, () => provider.sign('notary', text));
      for (const { status } of await Promise.allSettled(calls)) expect(status).toBe('rejected');
    }
    expect(callsOf('C_Login')).toBe(1);
  });

  it('that is locked is not tried again', async () => {
    const pin_file = pkcs11.hsm.writePin('locked', 'canary-locked');
    set(['C_Login', CKR.PIN_LOCKED, 1000]);
    const provider = await create({ pin_file });
    await expect(provider.sign('notary', text)).rejects.toMatchObject({
      code: 'CREDENTIALS_EXHAUSTED',
      retryable: false,
    });
    await expect(provider.getKey('payments', context)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(callsOf('C_Login')).toBe(1);
  });

  it.each([
    ['of a token that is locked', FLAGS.LOCKED, 'CREDENTIALS_EXHAUSTED'],
    ['whose next failure would lock the token', FLAGS.FINAL_TRY, 'UNAUTHENTICATED'],
  ])('%s is not tried at all', async (_, flags, code) => {
    set(['C_GetTokenInfo', flags, 1000]);
    await expect((await create()).sign('notary', text)).rejects.toMatchObject({ code });
    expect(callsOf('C_Login')).toBe(0);
  });
});

it('a data key that an HSM encrypted with an IV of its own is never handed out', async () => {
  const provider = await create();
  set(['own_iv', 1, 1000]);
  await expect(provider.getKey('payments', context)).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION' });
});

it('a signature that takes long blocks neither the event loop nor a caller who gives up', async () => {
  const provider = await create();
  await provider.sign('notary', text);
  set(['C_Sign', -4_000, 1]);
  const started = performance.now();
  const slow = provider.sign('notary', text, { signal: AbortSignal.timeout(200) });
  await expect(slow).rejects.toMatchObject({ code: 'ABORTED' });
  expect(performance.now() - started).toBeLessThan(3_500);
  expect((await provider.sign('notary', text)).identity).toBe('notary#01'); // waits for the slow one
});

it('closing while a call hangs ends its caller, and does not wait for the token for long', async () => {
  const provider = await create();
  await provider.sign('notary', text);
  set(['C_Sign', -8_000, 1]);
  const hanging = expect(provider.sign('notary', text)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const started = performance.now();
  await provider.close();
  await hanging;
  expect(performance.now() - started).toBeLessThan(7_000);
});
