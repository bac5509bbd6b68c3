import { join } from 'node:path';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createKeyProvider, type KeyProvider } from '../../../src/index.ts';
import { type KeyKind, SoftHsm } from '../../servers/softhsm.ts';
import type { BuiltPackage } from '../../support/built-package.ts';
import { installPkcs11Package } from './installed-package.ts';

/** A token that tests make keys in, and the provider that is installed as a package. */
export interface Pkcs11Setup {
  readonly hsm: SoftHsm;
  readonly token: { readonly token: string; readonly pin: string };
  /** The options of the provider: overwritten by what is given. */
  options(given?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  provider(given?: Readonly<Record<string, unknown>>): Promise<KeyProvider>;
  /** @param id - the CKA_ID in hexadecimal. Default 01 */
  key(kind: KeyKind, label: string, id?: string, attributes?: Readonly<Record<string, boolean>>): Promise<void>;
  /** The library as something else in the process has it loaded. */
  other(label?: string): { readonly library: pkcs11js.PKCS11; readonly slot: pkcs11js.Handle };
  readonly built: BuiltPackage;
  readonly pinFile: string;
}

/** The canary: it must be in no output, event or error. */
export const PIN = 'canary-f00dfeed-31415926';

/** @param more - other tokens; a process that has the library loaded does not see later ones */
export function usePkcs11(more: readonly { readonly label: string; readonly pin: string }[] = []): Pkcs11Setup {
  const hsm = new SoftHsm();
  const token = { token: 'the tests', pin: PIN };
  let built: BuiltPackage | undefined;
  const pinFile = hsm.writePin('pin', `${PIN}\n`);
  beforeAll(async () => {
    process.env['SOFTHSM2_CONF'] = hsm.config;
    await hsm.makeToken(token.token, token.pin);
    for (const { label, pin } of more) await hsm.makeToken(label, pin);
    built = await installPkcs11Package();
  });
  afterAll(() => {
    built?.remove();
    hsm.remove();
  });
  const options = (given = {}): Record<string, unknown> => ({
    module: hsm.library,
    token: token.token,
    pin_file: pinFile,
    ...given,
  });
  const folder = (): BuiltPackage => {
    if (built === undefined) throw new Error('the package is not built yet');
    return built;
  };
  return {
    hsm,
    token,
    pinFile,
    options,
    get built() {
      return folder();
    },
    provider: async (given) => {
      const provider = await createKeyProvider({
        keySource: 'custom',
        keyProviderModule: join(folder().directory, 'node_modules/fapilog-tamper-keys-pkcs11/dist/index.js'),
        keyProviderOptions: options(given) as Record<string, string>,
        keyId: 'payments',
      });
      onTestFinished(() => provider.close());
      return provider;
    },
    key: (kind, label, id = '01', attributes = {}) => hsm.makeKey(token, kind, label, id, attributes),
    other: (label = token.token) => {
      const library = new pkcs11js.PKCS11();
      library.load(hsm.library);
      const slot = library.C_GetSlotList(true).find((one) => library.C_GetTokenInfo(one).label.trimEnd() === label);
      if (slot === undefined) throw new Error(`there is no token ${label}`);
      return { library, slot };
    },
  };
}
