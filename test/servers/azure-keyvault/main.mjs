// An honest stand-in for Azure Key Vault (keys), its token authority and managed identity, on loopback. Prints one JSON
// line with the addresses and the certificate authority, and ends when its standard input does.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { createLoopbackCa } from '../loopback-ca.mjs';
import { Access } from './access.mjs';
import { adminHandler } from './admin.mjs';
import { authorityHandler } from './authority.mjs';
import { Faults } from './faults.mjs';
import { KeyStore } from './key-store.mjs';
import { managedIdentityHandler } from './managed-identity.mjs';
import { vaultHandler } from './vault.mjs';

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

/** Listens on a free loopback port. A handler that throws is a bug of this server: it says so and ends the call. */
function listen(create, handler) {
  const server = create((request, response) => {
    handler(request, response).catch((error) => {
      if (error?.code !== 'ECONNRESET') process.stderr.write(`${error?.stack ?? error}\n`);
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

const tls = (handler) => listen((onRequest) => https.createServer({ cert, key }, onRequest), handler);
const plain = (handler) => listen((onRequest) => http.createServer(onRequest), handler);

const vault = vaultHandler(parts);
const ports = {
  vault: await tls(vault),
  plainVault: await plain(vault),
  authority: await tls(authorityHandler(parts)),
  managedIdentity: await plain(managedIdentityHandler(parts)),
  admin: await plain(adminHandler(parts)),
};
parts.access.authority = `https://localhost:${ports.authority}`;

process.stdout.write(
  `${JSON.stringify({ ports, caPem: authority.caPem, tenant: parts.access.tenant, identityHeader: parts.identities.header })}\n`,
);
process.stdin.resume().on('end', () => process.exit(0));
