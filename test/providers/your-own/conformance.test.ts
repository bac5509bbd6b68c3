import { mkdtempSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyProvider, type KeyProvider, type TamperErrorCode } from '../../../src/index.ts';
import { type ConformanceCheck, providerConformance } from '../../../src/testing/index.ts';
import { KeyServer, writePageProvider, yourOwnPage } from '../../support/own-provider.ts';

/** The provider of docs/providers/your-own.md passes the whole suite, and the suite asks for nothing that the page does not say. */

let server: KeyServer;
let keyProviderModule = '';
let remove = (): void => undefined;
beforeAll(async () => {
  server = await KeyServer.start({ payments: 'aes', notary: 'ed25519', seals: 'hmac' });
  ({ module: keyProviderModule, remove } = await writePageProvider(mkdtempSync(join(tmpdir(), 'your-own-'))));
});
afterAll(async () => {
  await server.close();
  remove();
});

const create = (): Promise<KeyProvider> =>
  createKeyProvider({ keySource: 'custom', keyProviderModule, keyProviderOptions: server.options, keyId: 'payments' });

const answering =
  (status: number, body = '{}'): RequestListener =>
  (_, response) =>
    void response.writeHead(status).end(body);

const faults = (
  [
    ['the server answers 401', ['UNAUTHENTICATED'], answering(401)],
    ['the server answers 403', ['ACCESS_DENIED'], answering(403)],
    ['the server answers 422', ['WRONG_KEY_OR_CONTEXT'], answering(422)],
    ['the server answers what is no JSON', ['RESPONSE_MALFORMED'], answering(200, '<html>')],
    ['the server answers without a version', ['RESPONSE_MALFORMED'], answering(200)],
  ] as [string, TamperErrorCode[], RequestListener][]
).map(([name, codes, fault]) => ({
  name,
  codes,
  begin: () => {
    server.fault = fault;
    return () => {
      server.fault = undefined;
    };
  },
}));

const checksOf = (keyId: string, algorithm: 'ed25519' | 'kms-hmac-sha256'): ConformanceCheck[] =>
  providerConformance({
    name: algorithm,
    create,
    dataKey: { keyId: 'payments', kind: 'wrapped' },
    signingKey: { keyId, algorithm },
    absentKey: { keyId: 'nobody' },
    rotate: (name) => server.rotate(name),
    faults,
  });

describe('the provider of the page', () => {
  for (const check of [...checksOf('notary', 'ed25519'), ...checksOf('seals', 'kms-hmac-sha256')]) {
    it(check.name, check.run);
  }
});

it('the page names each check of the suite, and no other', () => {
  const rows = [...yourOwnPage.matchAll(/^\| ([^|`]+) \| /gm)].map(([, name]) => name);
  const asked = checksOf('notary', 'ed25519')
    .map(({ name }) => name.replace('ed25519 ', ''))
    .filter((name) => !name.startsWith('throws '));
  expect(rows.filter((name) => name !== 'check').sort()).toEqual(asked.sort());
});
