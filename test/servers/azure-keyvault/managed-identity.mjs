// Managed identity over plain HTTP on loopback: the instance metadata service of a virtual machine (IMDS) and the
// endpoint of App Service and Functions.

import { RESOURCE } from './access.mjs';
import { before, reply } from './faults.mjs';

/** @param {{ access, faults, requests: object[], identities: { system?: string, user: string[], header: string } }} parts */
export function managedIdentityHandler({ access, faults, requests, identities }) {
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const query = url.searchParams;
    requests.push({
      server: 'managed-identity',
      method: request.method,
      path: url.pathname,
      clientId: query.get('client_id'),
    });
    if (await before(faults.take('managed-identity'), response)) return undefined;
    const kind = kindOf(request, url, identities);
    if (kind === undefined)
      return reply(response, 400, {
        error: 'invalid_request',
        error_description: 'Required headers, version or resource are missing.',
      });
    const wanted = query.get('client_id');
    const clientId = wanted === null ? identities.system : identities.user.find((one) => one === wanted);
    if (clientId === undefined)
      return reply(response, 400, { error: 'invalid_request', error_description: 'Identity not found' });
    return reply(response, 200, {
      access_token: access.issue(clientId),
      client_id: clientId,
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      expires_in: '3600',
      resource: RESOURCE,
      token_type: 'Bearer',
    });
  };
}

function kindOf(request, url, identities) {
  const { searchParams: query, pathname } = url;
  if (request.method !== 'GET' || query.get('resource') !== RESOURCE) return undefined;
  if (/^\/metadata\/identity\/oauth2\/token\/?$/.test(pathname)) {
    return query.get('api-version') === '2018-02-01' && request.headers.metadata === 'true' ? 'imds' : undefined;
  }
  if (pathname !== '/MSI/token' || query.get('api-version') !== '2019-08-01') return undefined;
  return request.headers['x-identity-header'] === identities.header ? 'app-service' : undefined;
}
