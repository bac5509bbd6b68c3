// The directory that issues tokens: openid configuration and the token endpoint, for a client secret and for a client
// assertion (workload identity federation). HTTPS, as the libraries demand.
import { Buffer } from 'node:buffer';
import { before, reply } from './faults.mjs';

const refusal = (response, status, error, description) =>
  reply(response, status, {
    error,
    error_description: description,
    error_codes: [Number(/\d{5,}/.exec(description)?.[0])],
  });

/** @param {{ access, faults, requests: object[], applications: Map<string, { secret?: string, assertion?: string }> }} parts */
export function authorityHandler({ access, faults, requests, applications }) {
  return async (request, response) => {
    const url = new URL(request.url ?? '/', `https://${request.headers.host}`);
    const [tenant, ...rest] = url.pathname.slice(1).split('/');
    const path = rest.join('/');
    requests.push({ server: 'authority', method: request.method, path: url.pathname });
    if (tenant !== access.tenant) {
      return refusal(response, 400, 'invalid_tenant', `AADSTS90002: Tenant '${tenant}' not found.`);
    }
    if (request.method === 'GET' && path === 'v2.0/.well-known/openid-configuration') {
      return reply(response, 200, {
        token_endpoint: `${url.origin}/${tenant}/oauth2/v2.0/token`,
        authorization_endpoint: `${url.origin}/${tenant}/oauth2/v2.0/authorize`,
        jwks_uri: `${url.origin}/${tenant}/discovery/v2.0/keys`,
        issuer: `${url.origin}/${tenant}/v2.0`,
      });
    }
    if (request.method !== 'POST' || path !== 'oauth2/v2.0/token') {
      return refusal(response, 404, 'invalid_request', 'AADSTS90023: Not found.');
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (await before(faults.take('token'), response, decodeURIComponent(text))) return undefined;
    return token(new URLSearchParams(text), response, access, applications);
  };
}

function token(form, response, access, applications) {
  const clientId = form.get('client_id') ?? '';
  const application = applications.get(clientId);
  if (form.get('grant_type') !== 'client_credentials') {
    return refusal(response, 400, 'unsupported_grant_type', 'AADSTS70003: The grant type is not supported.');
  }
  if (form.get('scope')?.split(' ').includes('https://vault.azure.net/.default') !== true) {
    return refusal(response, 400, 'invalid_scope', 'AADSTS70011: The scope is not valid.');
  }
  if (application === undefined) {
    return refusal(response, 400, 'unauthorized_client', `AADSTS700016: Application '${clientId}' was not found.`);
  }
  const assertion = form.get('client_assertion');
  if (assertion !== null) {
    const type = form.get('client_assertion_type');
    if (type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' || assertion !== application.assertion) {
      return refusal(response, 401, 'invalid_client', 'AADSTS700212: The client assertion is not valid.');
    }
  } else if (application.secret === undefined || form.get('client_secret') !== application.secret) {
    return refusal(response, 401, 'invalid_client', 'AADSTS7000215: Invalid client secret provided.');
  }
  return reply(response, 200, {
    token_type: 'Bearer',
    expires_in: 3599,
    ext_expires_in: 3599,
    access_token: access.issue(clientId),
  });
}
