import { membersOf, textOf } from '../vendor-text.ts';

/** Who a token says that we are. Nothing of it is secret; the token is not kept. */
export interface AzureCaller {
  /** The application (client) id. */
  readonly application: string | undefined;
  /** The object id of the principal. */
  readonly object: string | undefined;
  readonly tenant: string | undefined;
  /** When the token ends, in milliseconds since 1970. */
  readonly expiresOn: number;
}

/** Reads the claims of an access token. A token that is no JWT says nothing but when it ends. */
export function callerOf(token: { readonly token: string; readonly expiresOnTimestamp: number }): AzureCaller {
  const claims = membersOf(claimsOf(token.token));
  return {
    application: textOf(claims['appid']) ?? textOf(claims['azp']),
    object: textOf(claims['oid']),
    tenant: textOf(claims['tid']),
    expiresOn: token.expiresOnTimestamp,
  };
}

function claimsOf(token: string): unknown {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined; // an opaque token: the vault reads it, we need not
  }
}
