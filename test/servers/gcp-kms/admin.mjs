// The control channel, on a port of its own: POST /<command> with a JSON argument, a JSON answer.
import { createServer } from 'node:http';
import { describeKey, describeVersion } from './key-store.mjs';

function commands({ store, access, faults, service, authority }) {
  return {
    createKey: async (key) => describeKey(await store.createKey(key)),
    createVersion: async ({ key, ...rest }) => describeVersion(await store.createVersion(key, rest)),
    setPrimary: ({ key, version }) => describeKey(store.setPrimary(key, version)),
    setState: ({ version, state }) => describeVersion(store.setState(version, state)),
    issueToken: ({ token, principal, lifetimeSeconds }) => access.issue(token, principal, lifetimeSeconds),
    revokeToken: ({ token }) => access.revoke(token),
    grant: (grant) => access.grant(grant),
    withdraw: (grant) => access.withdraw(grant),
    registerServiceAccount: ({ email, publicKey }) => access.registerServiceAccount(email, publicKey),
    addFault: (fault) => faults.add(fault),
    clearFaults: ({ keys }) => faults.clear(keys),
    forgetAnswers: () => faults.forget(),
    configureAuthority: (settings) => Object.assign(authority.settings, settings),
    journal: () => service.journal,
    authorityJournal: () => authority.journal,
    clearJournals: () => {
      service.journal.length = 0;
      authority.journal.length = 0;
    },
  };
}

/** Answers the port. */
export function serveAdmin(listeners, parts) {
  const known = commands(parts);
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const name = request.url.slice(1);
    try {
      if (!Object.hasOwn(known, name)) throw new TypeError(`unknown command ${name}`);
      const text = Buffer.concat(chunks).toString();
      const answer = await known[name](text === '' ? {} : JSON.parse(text));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? null));
    } catch (error) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: error.message }));
    }
  });
  return listeners.http(server);
}
