// A wire-level test server for Google Cloud KMS, written from the published interface. Each instance says { ports, caPem }.
import { createServer } from 'node:http';
import { serveInstances } from '../listeners.mjs';
import { createLoopbackCa } from '../loopback-ca.mjs';
import { Access } from './access.mjs';
import { serveAdmin } from './admin.mjs';
import { Authority } from './authority.mjs';
import { serveProxy } from './connect-proxy.mjs';
import { Faults } from './faults.mjs';
import { serveGrpc } from './grpc-server.mjs';
import { KeyStore } from './key-store.mjs';
import { serveRest } from './rest-server.mjs';
import { Service } from './service.mjs';

const googleHosts = ['cloudkms.googleapis.com', 'oauth2.googleapis.com', 'iamcredentials.googleapis.com'];

await serveInstances(createServer, async (listeners) => {
  const { caPem, issue } = createLoopbackCa();
  const { certPem, keyPem } = issue(['localhost', '127.0.0.1', ...googleHosts]);
  const tls = { key: Buffer.from(keyPem), cert: Buffer.from(certPem) };
  const store = new KeyStore();
  const access = new Access();
  const faults = new Faults();
  const service = new Service({ store, access, faults });
  const authority = new Authority(access);
  const grpcTls = await serveGrpc(listeners, service, tls);
  const authorityTls = await authority.listen(listeners, tls);
  const ports = {
    grpcTls,
    grpc: await serveGrpc(listeners, service, undefined),
    https: await serveRest(listeners, service, tls),
    http: await serveRest(listeners, service, undefined),
    authority: await authority.listen(listeners, undefined),
    admin: await serveAdmin(listeners, { store, access, faults, service, authority }),
    proxy: await serveProxy(listeners, {
      'cloudkms.googleapis.com:443': grpcTls,
      'oauth2.googleapis.com:443': authorityTls,
      'iamcredentials.googleapis.com:443': authorityTls,
    }),
  };
  return { ports, caPem };
});
