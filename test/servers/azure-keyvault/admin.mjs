// The tests' own channel: makes keys and principals, switches faults on, reads what was asked of the servers.
import { reply } from './faults.mjs';

/** @param {object} parts everything that the servers share */
export function adminHandler(parts) {
  const { store, access, faults, requests, applications, identities, settings } = parts;
  const commands = {
    reset() {
      store.clear();
      access.clear();
      faults.clear();
      applications.clear();
      requests.length = 0;
      Object.assign(identities, { system: undefined, user: [] });
      settings.getDisabled = true;
    },
    createKey: ({ name, ...options }) => described(store.create(name, options)),
    updateKey: ({ name, version, ...changes }) => described(store.update(name, version, changes)),
    deleteKey: ({ name }) => store.softDelete(name),
    recoverKey: ({ name }) => store.recover(name),
    principal: ({ clientId, allow }) => access.principal(clientId, { allow }),
    application: ({ clientId, ...application }) => applications.set(clientId, application) && undefined,
    identities: (given) => Object.assign(identities, given) && undefined,
    token: ({ clientId, claims }) => access.issue(clientId, claims),
    fault: (fault) => faults.add(fault),
    clearFaults: (given) => faults.clear(given?.keys),
    settings: ({ challengeTenant, ...given }) => {
      access.challengeTenant = challengeTenant;
      Object.assign(settings, given);
    },
    requests: () => requests,
    clearRequests: () => {
      requests.length = 0;
    },
  };
  return async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const command = (request.url ?? '/').slice(1);
    if (request.method !== 'POST' || !Object.hasOwn(commands, command)) return reply(response, 404, { error: command });
    const result = commands[command](JSON.parse(Buffer.concat(chunks).toString() || '{}'));
    return reply(response, 200, { result: result ?? null });
  };
}

const described = (version) =>
  version && {
    name: version.name,
    version: version.version,
    kty: version.kty,
    spki: version.publicKey?.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
