import https from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askVault } from './raw-vault.ts';
import { type AzureServer, startAzureKeyVault } from './start.ts';

let server: AzureServer;

beforeAll(async () => {
  server = await startAzureKeyVault();
});
afterAll(() => server.close());
beforeEach(() => server.admin('reset'));

interface TokenAnswer {
  readonly status: number;
  readonly body: { readonly access_token?: string; readonly error?: string; readonly token_endpoint?: string };
}

function askAuthority(path: string, form?: Record<string, string>): Promise<TokenAnswer> {
  return new Promise((resolve, reject) => {
    const url = `${server.authorityUrl}${path}`;
    const request = https.request(url, { method: form ? 'POST' : 'GET', ca: server.caPem }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
      });
    });
    request.on('error', reject);
    request.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  });
}

const tokenPath = (): string => `/${server.tenant}/oauth2/v2.0/token`;
const form = {
  client_id: 'app',
  grant_type: 'client_credentials',
  scope: 'https://vault.azure.net/.default',
};
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe('the authority', () => {
  it('describes itself on its own host', async () => {
    const { body } = await askAuthority(`/${server.tenant}/v2.0/.well-known/openid-configuration`);
    expect(body).toMatchObject({
      token_endpoint: `${server.authorityUrl}${tokenPath()}`,
      issuer: `${server.authorityUrl}/${server.tenant}/v2.0`,
    });
  });

  it('gives a token that the vault takes for the right secret, and none for another', async () => {
    await server.admin('application', { clientId: 'app', secret: 'right' });
    await server.admin('principal', { clientId: 'app' });
    await server.admin('createKey', { name: 'k' });
    const { body } = await askAuthority(tokenPath(), { ...form, client_secret: 'right' });
    expect((await askVault(server, 'GET', '/keys/k', { token: body.access_token ?? '' })).status).toBe(200);
    expect(await askAuthority(tokenPath(), { ...form, client_secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    expect((await askAuthority(tokenPath(), form)).status).toBe(401);
  });

  it('takes a client assertion only with its type and its very text', async () => {
    await server.admin('application', { clientId: 'app', assertion: 'header.claims.signature' });
    const right = { ...form, client_assertion: 'header.claims.signature', client_assertion_type: assertionType };
    expect((await askAuthority(tokenPath(), right)).status).toBe(200);
    expect((await askAuthority(tokenPath(), { ...right, client_assertion: 'another' })).status).toBe(401);
    expect((await askAuthority(tokenPath(), { ...right, client_assertion_type: 'jwt' })).status).toBe(401);
  });

  it.each([
    ['another grant', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['another scope', { scope: 'https://graph.microsoft.com/.default' }, 'invalid_scope'],
    ['an unknown application', { client_id: 'nobody' }, 'unauthorized_client'],
  ])('refuses %s', async (_, change, error) => {
    await server.admin('application', { clientId: 'app', secret: 'right' });
    const answer = await askAuthority(tokenPath(), { ...form, client_secret: 'right', ...change });
    expect(answer).toMatchObject({ status: 400, body: { error } });
  });

  it('knows no other tenant', async () => {
    expect((await askAuthority('/common/oauth2/v2.0/token', form)).status).toBe(400);
  });
});

describe('managed identity', () => {
  const ask = async (path: string, headers: Record<string, string>): Promise<{ status: number; token?: string }> => {
    const response = await fetch(`${server.managedIdentityUrl}${path}`, { headers });
    const body = (await response.json()) as { access_token?: string };
    return body.access_token === undefined
      ? { status: response.status }
      : { status: response.status, token: body.access_token };
  };
  const imds = '/metadata/identity/oauth2/token/?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net';
  const appService = '/MSI/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net';

  it('answers the instance metadata protocol for the identities that the machine has', async () => {
    await server.admin('identities', { system: 'machine', user: ['extra'] });
    await server.admin('principal', { clientId: 'machine' });
    await server.admin('createKey', { name: 'k' });
    const { token = '' } = await ask(imds, { Metadata: 'true' });
    expect((await askVault(server, 'GET', '/keys/k', { token })).status).toBe(200);
    expect((await ask(`${imds}&client_id=extra`, { Metadata: 'true' })).status).toBe(200);
    expect((await ask(`${imds}&client_id=unknown`, { Metadata: 'true' })).status).toBe(400);
    expect((await ask(imds, {})).status).toBe(400);
    expect((await ask(imds.replace('vault.azure.net', 'graph.microsoft.com'), { Metadata: 'true' })).status).toBe(400);
  });

  it('answers the App Service protocol only with its header', async () => {
    await server.admin('identities', { system: 'site', user: [] });
    expect((await ask(appService, { 'X-IDENTITY-HEADER': server.identityHeader })).status).toBe(200);
    expect((await ask(appService, { 'X-IDENTITY-HEADER': 'guess' })).status).toBe(400);
    expect((await ask(appService, {})).status).toBe(400);
  });
});
