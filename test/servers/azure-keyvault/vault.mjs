// The keys interface of Azure Key Vault over HTTPS, as the REST reference describes it (API 2025-07-01).
import { randomUUID } from 'node:crypto';
import { after, before, reply } from './faults.mjs';
import { isOperation, operate } from './operations.mjs';
import { badParameter, deletedButRecoverable, keyNotFound, Refusal } from './refusals.mjs';

const API_VERSIONS = ['7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01'];
const NAME = /^[0-9A-Za-z-]{1,127}$/;

/** @param {{ store, access, faults, requests: object[], settings: { getDisabled: boolean } }} parts */
export function vaultHandler(parts) {
  return async (request, response) => {
    const scheme = request.socket.encrypted ? 'https' : 'http';
    const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host}`);
    const route = routeOf(request.method ?? 'GET', url);
    const seen = { server: 'vault', operation: route?.operation, path: url.pathname, method: request.method };
    parts.requests.push(seen);
    const headers = {
      'x-ms-request-id': randomUUID(),
      'x-ms-keyvault-region': 'loopback',
      'cache-control': 'no-cache',
    };
    try {
      const text = await readAll(request);
      const claims = parts.access.authenticate(request.headers.authorization);
      Object.assign(seen, { caller: claims.appid, requestId: headers['x-ms-request-id'] });
      checkApiVersion(url);
      if (route === undefined) throw new Refusal(405, 'MethodNotAllowed', 'The HTTP method is not allowed here.');
      const fault = parts.faults.take(route.operation, route.name);
      if (await before(fault, response, `${request.headers.authorization} ${text}`)) return;
      parts.access.authorize(claims, route.operation, route.name);
      const asked = fault?.kind === 'stale' ? { ...route, version: fault.version } : route;
      const answer = after(fault, run(parts, asked, url, text));
      reply(response, 200, encoded(answer), headers, fault);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      Object.assign(seen, { refused: error.body.error.innererror?.code ?? error.body.error.code });
      reply(response, error.status, error.body, { ...headers, ...error.headers });
    }
  };
}

async function readAll(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function routeOf(method, url) {
  const [collection, name, version, operation, ...rest] = url.pathname.slice(1).split('/');
  if (rest.length > 0 || name === undefined || !NAME.test(name)) return undefined;
  if (collection === 'deletedkeys' && method === 'GET' && version === undefined) return { operation: 'deleted', name };
  if (collection !== 'keys') return undefined;
  if (method === 'GET' && version === 'versions' && operation === undefined) return { operation: 'versions', name };
  if (method === 'GET' && version === 'rotationpolicy' && operation === undefined)
    return { operation: 'rotationpolicy', name };
  if (method === 'GET' && operation === undefined) return { operation: 'get', name, version };
  if (method === 'POST' && version === 'create' && operation === undefined) return { operation: 'create', name };
  if (method === 'POST' && isOperation(operation)) return { operation, name, version };
  return undefined;
}

function checkApiVersion(url) {
  const version = url.searchParams.get('api-version');
  if (version === null) throw badParameter('api-version must be specified');
  if (!API_VERSIONS.includes(version)) {
    throw badParameter(
      `The specified version (${version}) is not recognized. Consider using the latest supported version.`,
    );
  }
}

function run({ store, settings }, { operation, name, version }, url, text) {
  if (operation === 'versions') return page(store.versions(name), name, url);
  if (operation === 'rotationpolicy') return rotationPolicy(store, name, url);
  if (operation === 'deleted') return deleted(store, name, url);
  if (operation === 'create') return create(store, name, parse(text), url);
  const key = store.find(name, version);
  if (key === undefined) throw keyNotFound(version ? `${name}/${version}` : name);
  if (operation === 'get') {
    if (!key.attributes.enabled && !settings.getDisabled) {
      throw new Refusal(403, 'Forbidden', 'Operation get is not allowed on a disabled key.', { inner: 'KeyDisabled' });
    }
    return bundle(key, url);
  }
  const { verified, ...result } = operate(operation, key, parse(text));
  return verified === undefined ? { kid: kid(key, url), ...result } : { value: verified };
}

function parse(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw badParameter('The request body is not JSON.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badParameter('The request body is no object.');
  return body;
}

const kid = (key, url) => `${url.origin}/keys/${key.name}/${key.version}`;

function bundle(key, url) {
  const { kty, key_ops, jwk, attributes } = key;
  return { key: { kid: kid(key, url), kty, key_ops, ...jwk }, attributes: { ...attributes } };
}

function page(versions, name, url) {
  if (versions === undefined) throw keyNotFound(name);
  const size = Number(url.searchParams.get('maxresults') ?? 25);
  if (!Number.isInteger(size) || size < 1 || size > 25) throw badParameter("Property 'maxresults' has invalid value");
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const more = from + size < versions.length;
  const next = `${url.origin}/keys/${name}/versions?api-version=2025-07-01&$skiptoken=${from + size}&maxresults=${size}`;
  const value = versions.slice(from, from + size);
  return {
    value: value.map((one) => ({ kid: kid(one, url), attributes: { ...one.attributes } })),
    nextLink: more ? next : null,
  };
}

/** A key without a policy of its own has the service's default one, which only notifies. */
function rotationPolicy(store, name, url) {
  const newest = store.find(name);
  if (newest === undefined) throw keyNotFound(name);
  const { created, updated } = newest.attributes;
  const trigger = newest.rotates === undefined ? { timeBeforeExpiry: 'P30D' } : { timeAfterCreate: newest.rotates };
  const type = newest.rotates === undefined ? 'Notify' : 'Rotate';
  return {
    id: `${url.origin}/keys/${name}/rotationpolicy`,
    lifetimeActions: [{ trigger, action: { type } }],
    attributes: { created, updated, ...(newest.rotates === undefined ? {} : { expiryTime: 'P2Y' }) },
  };
}

function deleted(store, name, url) {
  const entry = store.entry(name);
  const newest = entry?.versions.at(-1);
  if (entry?.deleted === undefined || newest === undefined) throw keyNotFound(name);
  return { ...bundle(newest, url), recoveryId: `${url.origin}/deletedkeys/${name}`, ...entry.deleted };
}

function create(store, name, body, url) {
  if (store.entry(name)?.deleted !== undefined) throw deletedButRecoverable(name);
  const kinds = ['EC', 'EC-HSM', 'RSA', 'RSA-HSM', 'oct-HSM'];
  if (!kinds.includes(body.kty)) throw badParameter("Property 'kty' has invalid value");
  const { attributes, key_size: size, ...rest } = body;
  return bundle(store.create(name, { ...rest, ...(size === undefined ? {} : { size }), ...attributes }), url);
}

/** Bytes go out as base64url. */
function encoded(answer) {
  return JSON.parse(
    JSON.stringify(answer, function (member, value) {
      return Buffer.isBuffer(this[member]) ? this[member].toString('base64url') : value;
    }),
  );
}
