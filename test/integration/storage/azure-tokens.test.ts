import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLoopbackCa } from '../../servers/loopback-ca.mjs';

/** Without a key in the connection string Azure is asked with the token of this host's identity, over https alone. */

const run = promisify(execFile);
const SECRET = 'canary-client-secret-of-the-store';
const TOKEN = 'canary-header.canary-claims-of-the-store.canary-signature';
const TENANT = '11111111-2222-3333-4444-555555555555';

let folder: string;
let base: string;
let scope: string | null;
let authorization: string | undefined;
let refused = false;

const authority = createLoopbackCa();
const { certPem, keyPem } = authority.issue();
/** The token service and the blob service at once. */
const server = createServer({ cert: certPem, key: keyPem }, (request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const json = (status: number, body: object): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url?.includes('/.well-known/')) {
    const endpoint = `${base}/${TENANT}/oauth2/v2.0`;
    const issuer = `${base}/${TENANT}/v2.0`;
    json(200, {
      token_endpoint: `${endpoint}/token`,
      authorization_endpoint: `${endpoint}/authorize`,
      issuer,
      jwks_uri: `${base}/keys`,
    });
  } else if (request.url?.includes('/oauth2/')) {
    const form = new URLSearchParams(Buffer.concat(parts).toString());
    scope = form.get('scope');
    if (refused)
      json(401, { error: 'invalid_client', error_description: `AADSTS7000215: no ${form.get('client_secret')}` });
    else json(200, { token_type: 'Bearer', expires_in: 3600, ext_expires_in: 3600, access_token: TOKEN });
  } else {
    ({ authorization } = request.headers);
    const blob =
      '<Blob><Name>logs/a</Name><Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties></Blob>';
    const body = `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="${base}/" ContainerName="logs"><Blobs>${blob}</Blobs><NextMarker /></EnumerationResults>`;
    response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-azure-'));
  writeFileSync(join(folder, 'ca.pem'), authority.caPem);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  refused = false;
  authorization = undefined;
});

async function listed(connection: string | undefined): Promise<unknown> {
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const args = ['--import', at('../../child/typescript.mjs'), at('list-location.mjs'), 'az://auditlogs/logs'];
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    AZURE_AUTHORITY_HOST: base,
    AZURE_TENANT_ID: TENANT,
    AZURE_CLIENT_ID: 'auditor',
    AZURE_CLIENT_SECRET: SECRET,
    ...(connection !== undefined && { AZURE_STORAGE_CONNECTION_STRING: connection }),
  };
  const { stdout } = await run(process.execPath, args, { env });
  for (const secret of [SECRET, TOKEN]) expect(stdout).not.toContain(secret);
  return JSON.parse(stdout);
}

describe('Azure Blob Storage without a key', () => {
  it('is asked with a token for storage', async () => {
    expect(await listed(`AccountName=auditlogs;BlobEndpoint=${base}/auditlogs`)).toEqual({ keys: ['logs/a'] });
    expect(authorization).toBe(`Bearer ${TOKEN}`);
    expect(scope?.split(' ')).toContain('https://storage.azure.com/.default');
  });

  it('whose token service refuses this host is an error without a secret', async () => {
    refused = true;
    expect(await listed(`BlobEndpoint=${base}/auditlogs`)).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('AADSTS7000215'),
    });
    expect(authorization).toBeUndefined();
  });

  it('is asked nothing over plain http', async () => {
    const plain = `BlobEndpoint=${base.replace('https:', 'http:')}/auditlogs`;
    expect(await listed(plain)).toMatchObject({ code: 'INSECURE_ENDPOINT' });
  });
});
