// Who may call: access tokens as the directory signs them, and what each principal may do in the vault.
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { forbidden, Refusal } from './refusals.mjs';

export const RESOURCE = 'https://vault.azure.net';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The data actions of Azure RBAC, by operation of the keys interface. */
const ACTIONS = {
  get: 'Microsoft.KeyVault/vaults/keys/read',
  versions: 'Microsoft.KeyVault/vaults/keys/read',
  deleted: 'Microsoft.KeyVault/vaults/keys/read',
  rotationpolicy: 'Microsoft.KeyVault/vaults/keyrotationpolicies/read',
  sign: 'Microsoft.KeyVault/vaults/keys/sign/action',
  verify: 'Microsoft.KeyVault/vaults/keys/verify/action',
  wrapkey: 'Microsoft.KeyVault/vaults/keys/wrap/action',
  unwrapkey: 'Microsoft.KeyVault/vaults/keys/unwrap/action',
  encrypt: 'Microsoft.KeyVault/vaults/keys/encrypt/action',
  decrypt: 'Microsoft.KeyVault/vaults/keys/decrypt/action',
  create: 'Microsoft.KeyVault/vaults/keys/create/action',
  delete: 'Microsoft.KeyVault/vaults/keys/delete',
};

export class Access {
  #signer = generateKeyPairSync('rsa', { modulusLength: 2048 });
  /** client id -> { allow: operations | undefined (all) } */
  #principals = new Map();
  authority = '';
  /** The tenant that the challenge names, if not the vault's own. */
  challengeTenant = undefined;
  tenant = randomUUID();

  principal(clientId, { allow } = {}) {
    this.#principals.set(clientId, { allow });
  }

  /** Issues a token, or a wrong one where the claims say so. */
  issue(clientId, claims = {}) {
    const now = Math.floor(Date.now() / 1000);
    const body = {
      aud: RESOURCE,
      iss: `https://sts.windows.net/${this.tenant}/`,
      tid: this.tenant,
      appid: clientId,
      oid: clientId,
      iat: now,
      nbf: now,
      exp: now + 3600,
      jti: randomUUID(),
      ...claims,
    };
    const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(body)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), this.#signer.privateKey).toString('base64url')}`;
  }

  /** The caller of a request. Throws 401 with a challenge. */
  authenticate(authorization) {
    if (authorization === undefined) throw this.#challenge('AKV10000: Request is missing a Bearer or PoP token.');
    const token = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization);
    if (token === null) throw this.#challenge('AKV10001: Invalid token.', 'invalid_token');
    const [, header, payload, signature] = token;
    const good = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      this.#signer.publicKey,
      Buffer.from(signature, 'base64url'),
    );
    if (!good) throw this.#challenge('AKV10042: Token signature is not valid.', 'invalid_token');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (claims.aud !== RESOURCE) throw this.#challenge('AKV10022: Invalid audience.', 'invalid_token');
    if (claims.tid !== this.tenant) throw this.#challenge('AKV10032: Invalid issuer.', 'invalid_token');
    if (claims.exp <= Date.now() / 1000) throw this.#challenge('AKV10002: Token has expired.', 'invalid_token');
    return claims;
  }

  authorize(claims, operation, name) {
    const principal = this.#principals.get(claims.appid);
    if (principal !== undefined && (principal.allow === undefined || principal.allow.includes(operation))) return;
    throw forbidden(
      'Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role ' +
        'definitions were changed recently, please observe propagation time.\r\n' +
        `Caller: appid=${claims.appid};oid=${claims.oid};iss=${claims.iss}\r\nAction: '${ACTIONS[operation]}'\r\n` +
        `Resource: '/vaults/loopback/keys/${name}'\r\nAssignment: (not found)\r\n`,
      'ForbiddenByRbac',
    );
  }

  #challenge(message, error) {
    const parts = [
      `authorization="${this.authority}/${this.challengeTenant ?? this.tenant}"`,
      `resource="${RESOURCE}"`,
    ];
    if (error !== undefined) parts.push(`error="${error}"`);
    return new Refusal(401, 'Unauthorized', message, {
      headers: { 'www-authenticate': `Bearer ${parts.join(', ')}` },
    });
  }

  clear() {
    this.challengeTenant = undefined;
    this.#principals.clear();
  }
}
