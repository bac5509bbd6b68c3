// A wire-level test server for Google Cloud KMS, written from the published interface.
// Prints one line of JSON, { ports, caPem }, and ends when its standard input does.
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
const { caPem, issue } = createLoopbackCa();
const { certPem, keyPem } = issue(['localhost', '127.0.0.1', ...googleHosts]);
const tls = { key: Buffer.from(keyPem), cert: Buffer.from(certPem) };
const store = new KeyStore();
const access = new Access();
const faults = new Faults();
const service = new Service({ store, access, faults });
const authority = new Authority(access);

const grpcTls = await serveGrpc(service, tls);
const authorityTls = await authority.listen(tls);
const ports = {
  grpcTls,
  grpc: await serveGrpc(service, undefined),
  https: await serveRest(service, tls),
  http: await serveRest(service, undefined),
  authority: await authority.listen(undefined),
  admin: await serveAdmin({ store, access, faults, service, authority }),
  proxy: await serveProxy({
    'cloudkms.googleapis.com:443': grpcTls,
    'oauth2.googleapis.com:443': authorityTls,
    'iamcredentials.googleapis.com:443': authorityTls,
  }),
};
process.stdout.write(`${JSON.stringify({ ports, caPem })}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
