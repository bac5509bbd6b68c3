import { execFileSync } from 'node:child_process';
import { chmodSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pkcs11js from 'pkcs11js';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type KeyEvent, onKeyEvent, TamperError } from '../../../src/index.ts';
import { PIN, usePkcs11 } from './setup.ts';

/** Which token is meant, and how the login with it fails. */

const twin = { label: 'twin', pin: PIN };
const changing = { label: 'changing', pin: 'canary-first-pin' };
const pkcs11 = usePkcs11([twin, twin, changing]);

beforeAll(() => pkcs11.key('p256', 'notary'));

/** What a first use of the token ends with. The PIN is in nothing that is said of it. */
async function refusal(given: Readonly<Record<string, unknown>>): Promise<TamperError> {
  const events: KeyEvent[] = [];
  onTestFinished(onKeyEvent((event) => events.push(event)));
  const error: unknown = await (async () => (await pkcs11.provider(given)).getSigningKey('notary'))().then(
    () => 'it worked',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TamperError);
  const said = inspect([error, events], { depth: 20, showHidden: true });
  for (const secret of [PIN, changing.pin, 'canary-wrong']) expect(said).not.toContain(secret);
  return error as TamperError;
}

const serialsOf = (error: TamperError): string[] =>
  [...(error.hint ?? '').matchAll(/"twin" \(serial (\w+),/g)].map(([, serial = '']) => serial);

describe('the token', () => {
  it('is named by its label, its serial or its slot', async () => {
    const missing = await refusal({ token: 'nothing like it' });
    expect(missing).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    const [, serial, slot] = /"the tests" \(serial (\w+), slot (\d+)\)/.exec(missing.hint ?? '') ?? [];
    for (const named of [{ serial }, { slot: Number(slot) }, { serial, token: 'the tests' }]) {
      const provider = await pkcs11.provider({ token: undefined, ...named });
      expect((await provider.getSigningKey('notary')).identity).toBe('notary#01');
    }
    expect((await refusal({ serial, token: 'twin' })).code).toBe('UNAVAILABLE');
  });

  it('is never guessed: two of one label are refused, with their serials', async () => {
    const error = await refusal({ token: 'twin' });
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('2 PKCS#11 tokens') });
    const [first = '', second] = serialsOf(error);
    expect(second).toBeDefined();
    expect((await refusal({ token: 'twin', serial: first })).code).toBe('KEY_NOT_FOUND');
  });
});

describe('the configuration', () => {
  it.each([
    ['without a token', { token: undefined }, 'name the token'],
    ['with a relative path of the library', { module: 'libsofthsm2.so' }, 'must be an absolute path'],
    ['with a relative path of the PIN file', { pin_file: 'pin' }, 'must be an absolute path'],
    ['with the PIN itself', { pin: PIN }, 'pin'],
    ['with a misspelt option', { pinfile: '/run/pin' }, 'pinfile: there is no such option'],
    ['with another padding', { rsa_padding: 'oaep' }, 'rsa_padding'],
    ['with a slot that is no number', { slot: '0' }, 'slot'],
  ])('%s is refused', async (_, given, said) => {
    expect(await refusal(given)).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(said) });
  });

  it.each([
    ['does not exist', () => join(pkcs11.hsm.directory, 'missing.so')],
    ['is no library', () => pkcs11.pinFile],
    ['is a library of something else', () => process.execPath],
  ])('with a module that %s is refused', async (_, path) => {
    expect(await refusal({ module: path() })).toMatchObject({ code: 'DEPENDENCY_MISSING' });
  });
});

describe('a PIN file', () => {
  const file = (name: string, text: string, mode?: number): string => pkcs11.hsm.writePin(name, text, mode);

  it.each([
    ['that is missing', () => join(pkcs11.hsm.directory, 'no-pin'), 'UNAUTHENTICATED', 'ENOENT'],
    ['that is empty', () => file('empty', '\n'), 'UNAUTHENTICATED', 'is empty'],
    ['that is too long', () => file('long', 'x'.repeat(5000)), 'UNAUTHENTICATED', 'longer than'],
    ['that holds no text', () => file('nul', 'pin\0'), 'UNAUTHENTICATED', 'is not text'],
    ['that is a directory', () => pkcs11.hsm.directory, 'UNAUTHENTICATED', 'not a regular file'],
    ['that others can read', () => file('open', PIN, 0o644), 'KEY_FILE_PERMISSIONS', 'may access'],
    ['that a group can write', () => file('group', PIN, 0o660), 'KEY_FILE_PERMISSIONS', 'may access'],
  ])('%s is refused', async (_, path, code, said) => {
    const pin_file = path();
    if (said === 'may access') chmodSync(pin_file, pin_file.endsWith('open') ? 0o644 : 0o660);
    expect(await refusal({ pin_file })).toMatchObject({ code, message: expect.stringContaining(said) });
  });

  it('that is a pipe does not wait for its writer', async () => {
    const pin_file = join(pkcs11.hsm.directory, 'pipe');
    execFileSync('mkfifo', [pin_file]);
    expect(await refusal({ pin_file })).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is read with or without an end of line', async () => {
    for (const text of [PIN, `${PIN}\n`, `${PIN}\r\n`]) {
      const provider = await pkcs11.provider({ pin_file: file('line', text) });
      await provider.getSigningKey('notary');
      await provider.close();
    }
  });

  it('is never tried twice with a wrong PIN, not even if the token would take it by now', async () => {
    const pin_file = file('wrong', 'canary-wrong');
    const given = { token: changing.label, pin_file };
    expect(await refusal(given)).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('CKR_PIN_INCORRECT'),
      retryable: false,
    });
    writeFileSync(pin_file, 'canary-wrong-again');
    expect((await refusal(given)).message).toContain('CKR_PIN_INCORRECT');
    writeFileSync(pin_file, 'canary-wrong');
    setPin(changing.pin, 'canary-wrong'); // whoever tries the file again from here on gets in
    for (let n = 0; n < 3; n++) {
      expect(await refusal(given)).toMatchObject({
        code: 'UNAUTHENTICATED',
        message: expect.stringContaining('refused the PIN'),
      });
    }
    utimesSync(pin_file, new Date(), new Date());
    writeFileSync(pin_file, 'canary-wrong\n'); // the same PIN: the file changed, what it says did not
    expect((await refusal(given)).message).toContain('refused the PIN');
    setPin('canary-wrong', 'canary-second-pin');
    writeFileSync(pin_file, 'canary-second-pin\n');
    expect((await refusal(given)).code).toBe('KEY_NOT_FOUND'); // it is in, and there is no key
  });

  it('that changes is read at the next login, by the provider that was refused', async () => {
    const pin_file = file('late', 'canary-wrong-too');
    const provider = await pkcs11.provider({ token: changing.label, pin_file });
    await expect(provider.getSigningKey('notary')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(provider.getKey('payments', { origin: 'a', kid: 'b' })).rejects.toMatchObject({
      message: expect.stringContaining('refused the PIN'),
    });
    writeFileSync(pin_file, 'canary-second-pin');
    await expect(provider.getKey('payments', { origin: 'a', kid: 'b' })).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    });
  });
});

/** In this process: SoftHSM does not see that another one changed a PIN. */
function setPin(from: string, to: string): void {
  const { library, slot } = pkcs11.other(changing.label);
  const session = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  library.C_Login(session, pkcs11js.CKU_USER, from);
  library.C_SetPIN(session, from, to);
  library.C_CloseSession(session);
}
