// Where credentials come from: the metadata server, the security token service, impersonation, the OAuth token endpoint.
// Each checks what it is sent and issues a fresh token that the key service then knows.
import { randomBytes } from 'node:crypto';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';

const lifetimeSeconds = 3599;

export class Authority {
  /** What a client must present, set from outside. */
  settings = {
    mode: 'ok', // hang | refuse | unavailable | unknown-token
    metadataPrincipal: undefined,
    subjectToken: undefined,
    audience: undefined,
    stsPrincipal: undefined,
    refresh: undefined, // { clientId, clientSecret, refreshToken, principal }
    impersonated: undefined, // email
  };

  constructor(access) {
    this.access = access;
    /** Paths asked for and how it ended; never a secret. */
    this.journal = [];
  }

  #issue(principal) {
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    if (this.settings.mode !== 'unknown-token') this.access.issue(token, principal, lifetimeSeconds);
    return token;
  }

  #metadata(request, path) {
    const headers = { 'metadata-flavor': 'Google' };
    const { metadataPrincipal } = this.settings;
    if (metadataPrincipal === undefined) return { status: 404, headers, body: 'no such thing' };
    if (request.headers['metadata-flavor'] !== 'Google')
      return { status: 403, headers, body: 'Metadata-Flavor: Google is missing' };
    if (path === '/computeMetadata/v1/project/project-id') return { status: 200, headers, body: 'test-project' };
    if (path === '/computeMetadata/v1/universe/universe-domain')
      return { status: 200, headers, body: 'googleapis.com' };
    if (path === '/computeMetadata/v1/instance/service-accounts/default/token') {
      const body = { access_token: this.#issue(metadataPrincipal), expires_in: lifetimeSeconds, token_type: 'Bearer' };
      return { status: 200, headers, body };
    }
    if (path === '/computeMetadata/v1/instance' || path === '/computeMetadata/v1/instance/')
      return { status: 200, headers, body: {} };
    return { status: 404, headers, body: 'not found' };
  }

  // RFC 8693
  #exchange(form) {
    const { subjectToken, audience, stsPrincipal } = this.settings;
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange')
      return oauthError('unsupported_grant_type');
    if (form.get('requested_token_type') !== 'urn:ietf:params:oauth:token-type:access_token')
      return oauthError('invalid_request');
    if (form.get('subject_token_type') !== 'urn:ietf:params:oauth:token-type:jwt') return oauthError('invalid_request');
    if (subjectToken === undefined || form.get('subject_token') !== subjectToken) return oauthError('invalid_grant');
    if (form.get('audience') !== audience || !form.get('scope')) return oauthError('invalid_request');
    const body = {
      access_token: this.#issue(stsPrincipal),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: lifetimeSeconds,
    };
    return { status: 200, body };
  }

  #refresh(form) {
    const { refresh } = this.settings;
    if (form.get('grant_type') !== 'refresh_token') return oauthError('unsupported_grant_type');
    if (refresh === undefined || form.get('client_id') !== refresh.clientId) return oauthError('invalid_client');
    if (form.get('client_secret') !== refresh.clientSecret) return oauthError('invalid_client');
    if (form.get('refresh_token') !== refresh.refreshToken) return oauthError('invalid_grant');
    return {
      status: 200,
      body: { access_token: this.#issue(refresh.principal), expires_in: lifetimeSeconds, token_type: 'Bearer' },
    };
  }

  #impersonate(request, path) {
    const { impersonated, stsPrincipal } = this.settings;
    const email = /serviceAccounts\/([^:]+):generateAccessToken$/.exec(path)[1];
    const caller = this.access.authenticate(request.headers.authorization);
    if ((caller !== stsPrincipal && caller !== this.settings.refresh?.principal) || email !== impersonated)
      return { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED' } } };
    const expireTime = new Date(Date.now() + lifetimeSeconds * 1000).toISOString();
    return { status: 200, body: { accessToken: this.#issue(email), expireTime } };
  }

  async #answer(request, path) {
    if (path.startsWith('/computeMetadata/')) return this.#metadata(request, path);
    if (path === '/subject-token') return { status: 200, body: { tok: this.settings.subjectToken } };
    if (path.endsWith(':generateAccessToken')) return this.#impersonate(request, path);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    if (path === '/sts') return this.#exchange(form);
    if (path === '/token') return this.#refresh(form);
    return { status: 404, body: 'not found' };
  }

  async #respond(request, response) {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const { mode } = this.settings;
    const wantsToken = /\/token$|^\/sts$|:generateAccessToken$/.test(path);
    if (wantsToken && mode === 'hang') {
      this.journal.push({ path, status: 'hang' });
      return;
    }
    let answer;
    if (wantsToken && mode === 'refuse') answer = oauthError('invalid_grant');
    else if (wantsToken && mode === 'unavailable') answer = { status: 503, body: 'try later' };
    else answer = await this.#answer(request, path);
    this.journal.push({ path, status: answer.status });
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    const contentType = typeof answer.body === 'string' ? 'text/plain' : 'application/json';
    response.writeHead(answer.status, { 'content-type': contentType, ...answer.headers });
    response.end(text);
  }

  /** With a certificate over TLS. Answers the port. */
  listen(listeners, tls) {
    const listener = (request, response) => {
      this.#respond(request, response).catch((error) => {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { code: 401, message: error.message } }));
      });
    };
    return listeners.http(tls === undefined ? createHttp(listener) : createHttps(tls, listener));
  }
}

// RFC 6749, 5.2
function oauthError(error) {
  return { status: error === 'invalid_client' ? 401 : 400, body: { error, error_description: `refused: ${error}` } };
}
