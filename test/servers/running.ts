import { inject } from 'vitest';

/** Where a server is that all test files share: each keeps to keys, buckets and topics with names of its own. */
export interface SharedServer {
  readonly url: string;
}

/** The broker that all files share; it also listens with TLS and SASL PLAIN. */
export interface SharedKafka {
  readonly broker: string;
  readonly securedBroker: string;
  readonly caFile: string;
}

/** What `test/servers/shared.ts` has started, by name. */
export interface SharedServers {
  readonly openbao: SharedServer;
  readonly localstack: SharedServer;
  readonly ministack: SharedServer;
  readonly moto: SharedServer;
  readonly 'fake-gcs': SharedServer;
  readonly azurite: SharedServer;
  readonly kafka: SharedKafka;
  /** One process for each test worker: it makes a server with nothing in it for every file. */
  readonly 'gcp-kms': readonly SharedServer[];
  readonly 'azure-keyvault': readonly SharedServer[];
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly servers: Partial<SharedServers>;
  }
}

/** A server that was started before the tests. */
export function running<Name extends keyof SharedServers>(name: Name): SharedServers[Name] {
  const found = inject('servers')[name];
  if (found === undefined) {
    throw new Error(`${name} is not running: scripts/test/suites.mjs names the servers of each suite`);
  }
  return found;
}

/** The one of several processes that this worker has for itself. */
export function ownOf(name: 'gcp-kms' | 'azure-keyvault'): SharedServer {
  const all = running(name);
  const own = all[(Number(process.env['VITEST_POOL_ID']) - 1) % all.length];
  if (own === undefined) throw new Error(`no process of ${name} for worker ${process.env['VITEST_POOL_ID']}`);
  return own;
}
