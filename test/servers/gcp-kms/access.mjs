// Who may do what: bearer tokens, self-signed service-account JWTs, and grants of roles on resources.
import { createPublicKey, verify } from 'node:crypto';
import { denied, unauthenticated } from './status.mjs';

const versions = 'cloudkms.cryptoKeyVersions';

/** Predefined roles (cloud.google.com/kms/docs/reference/permissions-and-roles), as far as this server has methods. */
const roles = {
  'roles/cloudkms.viewer': ['cloudkms.cryptoKeys.get', `${versions}.get`, `${versions}.list`],
  'roles/cloudkms.cryptoKeyEncrypter': [`${versions}.useToEncrypt`],
  'roles/cloudkms.cryptoKeyDecrypter': [`${versions}.useToDecrypt`],
  'roles/cloudkms.cryptoKeyEncrypterDecrypter': [`${versions}.useToEncrypt`, `${versions}.useToDecrypt`],
  'roles/cloudkms.signer': [`${versions}.useToSign`],
  'roles/cloudkms.verifier': [`${versions}.useToVerify`, `${versions}.viewPublicKey`],
  'roles/cloudkms.signerVerifier': [`${versions}.useToSign`, `${versions}.useToVerify`, `${versions}.viewPublicKey`],
  'roles/cloudkms.publicKeyViewer': [`${versions}.viewPublicKey`],
};

const scopes = ['https://www.googleapis.com/auth/cloud-platform', 'https://www.googleapis.com/auth/cloudkms'];

export class Access {
  #tokens = new Map();
  #grants = [];
  #serviceAccounts = new Map();

  /** Makes `token` a valid access token of `principal` for a time. */
  issue(token, principal, lifetimeSeconds = 3600) {
    this.#tokens.set(token, { principal, expiresAt: Date.now() + lifetimeSeconds * 1000 });
  }

  revoke(token) {
    this.#tokens.delete(token);
  }

  /** A role, or one permission, for a principal on a resource and everything below it. */
  grant({ principal, role, permission, resource }) {
    const permissions = role === undefined ? [permission] : roles[role];
    if (permissions === undefined) throw new TypeError(`unknown role ${role}`);
    this.#grants.push({ principal, permissions, resource });
  }

  withdraw({ principal }) {
    this.#grants = this.#grants.filter((grant) => grant.principal !== principal);
  }

  registerServiceAccount(email, publicKeyPem) {
    this.#serviceAccounts.set(email, createPublicKey(publicKeyPem));
  }

  /** The principal behind an `authorization` header, or a refusal as the service answers it. */
  authenticate(header) {
    const token = /^Bearer (\S+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) throw unauthenticated('CREDENTIALS_MISSING');
    const known = this.#tokens.get(token);
    if (known !== undefined) {
      if (known.expiresAt <= Date.now()) throw unauthenticated('ACCESS_TOKEN_EXPIRED');
      return known.principal;
    }
    return this.#authenticateJwt(token);
  }

  authorize(principal, permission, resource) {
    const allowed = this.#grants.some(
      (grant) =>
        grant.principal === principal &&
        grant.permissions.includes(permission) &&
        (resource === grant.resource || resource.startsWith(`${grant.resource}/`)),
    );
    if (!allowed) throw denied(permission, resource);
  }

  // google.aip.dev/auth/4111: a self-signed JWT names its issuer twice and a scope (or this service as audience)
  #authenticateJwt(token) {
    const parts = token.split('.');
    const header = readJson(parts[0]);
    const claims = readJson(parts[1]);
    const publicKey = this.#serviceAccounts.get(claims?.iss);
    if (parts.length !== 3 || header?.alg !== 'RS256' || publicKey === undefined)
      throw unauthenticated('ACCESS_TOKEN_TYPE_UNSUPPORTED');
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (!verify('RSA-SHA256', signed, publicKey, Buffer.from(parts[2], 'base64url')))
      throw unauthenticated('CREDENTIALS_INVALID');
    const now = Date.now() / 1000;
    const timely = claims.iat <= now + 60 && claims.exp > now && claims.exp - claims.iat <= 3600;
    const scoped = String(claims.scope ?? '')
      .split(' ')
      .some((scope) => scopes.includes(scope));
    if (claims.sub !== claims.iss || !timely) throw unauthenticated('CREDENTIALS_INVALID');
    if (!scoped && claims.aud !== 'https://cloudkms.googleapis.com/') throw unauthenticated('CREDENTIALS_INVALID');
    return claims.iss;
  }
}

function readJson(part) {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
