// An honest stand-in for Azure Key Vault (keys), its token authority and managed identity, on loopback. Each instance says
// where it listens and which certificate authority it has.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { serveInstances } from '../listeners.mjs';
import { createLoopbackCa } from '../loopback-ca.mjs';
import { Access } from './access.mjs';
import { adminHandler } from './admin.mjs';
import { authorityHandler } from './authority.mjs';
import { Faults } from './faults.mjs';
import { KeyStore } from './key-store.mjs';
import { managedIdentityHandler } from './managed-identity.mjs';
import { vaultHandler } from './vault.mjs';

/** A handler that throws is a bug of this server: it says so and ends the call. */
function listener(handler) {
  return (request, response) => {
    handler(request, response).catch((error) => {
      if (error?.code !== 'ECONNRESET') process.stderr.write(`${error?.stack ?? error}\n`);
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
  };
}

await serveInstances(http.createServer, async (listeners) => {
  const parts = {
    store: new KeyStore(),
    access: new Access(),
    faults: new Faults(),
    requests: [],
    applications: new Map(),
    identities: { system: undefined, user: [], header: randomUUID() },
    settings: { getDisabled: true },
  };
  const authority = createLoopbackCa();
  const { certPem: cert, keyPem: key } = authority.issue();
  const tls = (handler) => listeners.http(https.createServer({ cert, key }, listener(handler)));
  const plain = (handler) => listeners.http(http.createServer(listener(handler)));
  const vault = vaultHandler(parts);
  const ports = {
    vault: await tls(vault),
    plainVault: await plain(vault),
    authority: await tls(authorityHandler(parts)),
    managedIdentity: await plain(managedIdentityHandler(parts)),
    admin: await plain(adminHandler(parts)),
  };
  parts.access.authority = `https://localhost:${ports.authority}`;
  return { ports, caPem: authority.caPem, tenant: parts.access.tenant, identityHeader: parts.identities.header };
});
