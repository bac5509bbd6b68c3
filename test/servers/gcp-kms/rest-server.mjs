// The service over REST: gRPC transcoding of the google.api.http options (JSON mapping of proto3).
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Drop } from './faults.mjs';
import { codes, invalid, ServiceError } from './status.mjs';
import { protoJson, types } from './wire.mjs';

const key = '(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/:]+)';
const version = `(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[^/:]+)`;

const routes = [
  ['GET', `${key}`, 'GetCryptoKey'],
  ['GET', `${version}`, 'GetCryptoKeyVersion'],
  ['GET', `${key}/cryptoKeyVersions`, 'ListCryptoKeyVersions'],
  ['GET', `${version}/publicKey`, 'GetPublicKey'],
  ['POST', `(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^:]+):encrypt`, 'Encrypt'],
  ['POST', `${key}:decrypt`, 'Decrypt'],
  ['POST', `${version}:asymmetricSign`, 'AsymmetricSign'],
  ['POST', `${version}:macSign`, 'MacSign'],
  ['POST', `${version}:macVerify`, 'MacVerify'],
].map(([verb, pattern, method]) => ({ verb, pattern: new RegExp(`^/v1/${pattern}$`), method }));

const integers = new Set(['pageSize']);

function type(name) {
  return types.lookupType(`google.cloud.kms.v1.${name}`);
}

function requestOf(method, resource, query, body) {
  const message = type(`${method}Request`);
  const json = { ...body };
  for (const [name, value] of query) {
    if (name.startsWith('$')) continue;
    json[name] = integers.has(name) ? Number(value) : value;
  }
  for (const name of Object.keys(json)) {
    if (message.fields[name] === undefined) {
      throw invalid(`Invalid JSON payload received. Unknown name "${name}": Cannot find field.`);
    }
  }
  json[method === 'ListCryptoKeyVersions' ? 'parent' : 'name'] = resource;
  let parsed;
  try {
    parsed = protoJson.fromProto3JSON(message, json);
  } catch (cause) {
    throw Object.assign(invalid(`Invalid value: ${cause.message}`), { cause });
  }
  const request = message.toObject(parsed, {
    longs: String,
    enums: String,
    defaults: true,
    arrays: true,
    oneofs: true,
  });
  for (const [name, field] of Object.entries(message.fields)) {
    if (field.type === 'bytes') request[name] = Buffer.from(request[name]);
  }
  return request;
}

function replyOf(method, reply, numericEnums) {
  const names = { GetCryptoKey: 'CryptoKey', GetCryptoKeyVersion: 'CryptoKeyVersion', GetPublicKey: 'PublicKey' };
  const message = type(names[method] ?? `${method}Response`);
  return protoJson.toProto3JSON(message.fromObject(reply), { numericEnums });
}

function errorBody(error) {
  const details = error.details.map(({ type: name, value }) => ({
    '@type': `type.googleapis.com/google.rpc.${name}`,
    ...jsonDetail(value),
  }));
  const { http } = codes[error.code];
  return { error: { code: http, message: error.message, status: error.code, ...(details.length > 0 && { details }) } };
}

function jsonDetail(value) {
  if (value.retryDelay === undefined) return value;
  return { retryDelay: `${value.retryDelay.seconds + value.retryDelay.nanos / 1e9}s` };
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (chunks.length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw Object.assign(invalid('Invalid JSON payload received.'), { cause });
  }
}

async function respond(service, transport, request, response) {
  const url = new URL(request.url, 'http://localhost');
  const numericEnums = url.searchParams.get('$alt')?.includes('enum-encoding=int') === true;
  const caller = new AbortController();
  response.on('close', () => caller.abort());
  const path = decodeURIComponent(url.pathname);
  const route = routes.find(({ verb, pattern }) => verb === request.method && pattern.test(path));
  if (route === undefined)
    throw new ServiceError('NOT_FOUND', `${request.method} ${path} is no method of this service.`);
  const body = await readBody(request);
  const resource = route.pattern.exec(path)[1];
  const message = requestOf(route.method, resource, url.searchParams, body);
  const reply = await service.call(route.method, message, {
    authorization: request.headers.authorization,
    transport,
    signal: caller.signal,
    headers: { project: request.headers['x-goog-user-project'] },
  });
  return replyOf(route.method, reply, numericEnums);
}

/** With a certificate over TLS, without in plaintext. Answers the port. */
export function serveRest(listeners, service, tls) {
  const listener = (request, response) => {
    const send = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
      response.end(JSON.stringify(body));
    };
    respond(service, tls === undefined ? 'http' : 'https', request, response).then(
      (body) => send(200, body),
      (error) => {
        if (error instanceof Drop) request.socket.destroy();
        else if (error instanceof ServiceError) send(codes[error.code].http, errorBody(error));
        else send(500, errorBody(new ServiceError('INTERNAL', String(error))));
      },
    );
  };
  return listeners.http(tls === undefined ? createHttp(listener) : createHttps(tls, listener));
}
