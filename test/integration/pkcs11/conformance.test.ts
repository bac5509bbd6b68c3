import { afterAll, beforeAll, describe, it } from 'vitest';
import { createKeyProvider, type KeyProvider, type SignatureAlgorithm } from '../../../src/index.ts';
import { type ConformanceCheck, providerConformance } from '../../../src/testing/index.ts';
import { type KeyKind, SoftHsm } from '../../servers/softhsm.ts';
import type { BuiltPackage } from '../../support/built-package.ts';
import { installPkcs11Package } from './installed-package.ts';

/** The whole suite that a provider must pass, with every kind of key, against SoftHSM. */

const token = { token: 'conformance', pin: 'a-pin-of-the-tests' };
const hsm = new SoftHsm();
let built: BuiltPackage;
let pinFile = '';
const versions = new Map<string, { kind: KeyKind; last: number }>();

async function addVersion(label: string, kind: KeyKind): Promise<void> {
  const last = (versions.get(label)?.last ?? 0) + 1;
  await hsm.makeKey(token, kind, label, last.toString(16).padStart(2, '0'));
  versions.set(label, { kind, last });
}

const keys: readonly [string, KeyKind, SignatureAlgorithm?][] = [
  ['wrapping', 'aes'],
  ['deriving', 'hmac'],
  ['p256', 'p256', 'ecdsa-p256-sha256'],
  ['p384', 'p384', 'ecdsa-p384-sha384'],
  ['ed', 'ed25519', 'ed25519'],
  ['rsa', 'rsa', 'rsa-pss-sha256'],
  ['seals', 'hmac', 'kms-hmac-sha256'],
];

beforeAll(async () => {
  process.env['SOFTHSM2_CONF'] = hsm.config;
  await hsm.makeToken(token.token, token.pin);
  pinFile = hsm.writePin('pin', `${token.pin}\n`);
  for (const [label, kind] of keys) await addVersion(label, kind);
  built = await installPkcs11Package();
});
afterAll(() => {
  built.remove();
  hsm.remove();
});

const create = (rsa_padding?: 'pkcs1'): Promise<KeyProvider> =>
  createKeyProvider({
    keySource: 'custom',
    keyProviderModule: `${built.directory}/node_modules/fapilog-tamper-keys-pkcs11/dist/index.js`,
    keyProviderOptions: {
      module: hsm.library,
      token: token.token,
      pin_file: pinFile,
      ...(rsa_padding && { rsa_padding }),
    },
    keyId: 'wrapping',
  });

const checksOf = (
  dataKeyId: string,
  keyId: string,
  algorithm: SignatureAlgorithm,
  padding?: 'pkcs1',
): ConformanceCheck[] =>
  providerConformance({
    name: `${dataKeyId}, ${algorithm}`,
    create: () => create(padding),
    dataKey: { keyId: dataKeyId, kind: 'wrapped' },
    signingKey: { keyId, algorithm },
    absentKey: { keyId: 'nobody' },
    rotate: (name) => addVersion(name, versions.get(name)?.kind ?? 'aes'),
  });

describe('the PKCS#11 provider', () => {
  for (const [index, [label, , algorithm]] of keys.entries()) {
    if (algorithm === undefined) continue;
    for (const check of checksOf(index % 2 === 0 ? 'wrapping' : 'deriving', label, algorithm))
      it(check.name, check.run);
  }
  for (const check of checksOf('wrapping', 'rsa', 'rsa-pkcs1-sha256', 'pkcs1')) it(check.name, check.run);
});
