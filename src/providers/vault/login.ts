import { TamperError } from '../../errors.ts';
import type { Secret } from '../../keys/secret.ts';
import { membersOf, textOf } from '../internal/vendor-text.ts';
import type { ApiReply, VaultApi } from './api.ts';

/** What a login gave us. */
export interface Login {
  /** Undefined where a local agent adds the token itself. */
  readonly token: Secret | undefined;
  /** How long it lives from now, in seconds; 0 for ever, or nobody told us. */
  readonly leaseSeconds: number;
  /** Whether it is ours to renew, and can be. */
  readonly renewable: boolean;
  /** Who we are, as far as Vault said so. */
  readonly principal: string | undefined;
}

/** One way to log in. */
export interface LoginMethod {
  /** For events and messages: `token`, `approle at "approle"`. */
  readonly name: string;
  /** Where the token came from, where somebody else got it. */
  readonly place?: string | undefined;
  /** Whether {@link LoginMethod.login} can give a new token when the present one has ended. */
  readonly repeatable: boolean;
  /**
   * Gets a token.
   *
   * @throws {TamperError} `UNAUTHENTICATED`: refused, or there is no credential; `CREDENTIALS_EXHAUSTED`: the credential
   * worked once and does no longer; and what the connection throws
   */
  login(api: VaultApi, signal: AbortSignal): Promise<Login>;
  /** Whether the source of the token has changed since the last login. */
  changed?(): Promise<boolean>;
  /** Whether there is another credential by now than the one that was sent last. */
  renewed?(): Promise<boolean>;
  /** Overwrites what it keeps. */
  erase?(): void;
}

/** Reads the `auth` part of a login's or renewal's answer, whose token was taken out. */
export function readAuth(reply: ApiReply, what: string): Login & { readonly token: Secret } {
  const { auth, secret } = reply;
  if (auth === undefined || secret === undefined) {
    secret?.erase();
    throw new TamperError('RESPONSE_MALFORMED', `Vault: ${what}: the answer has no token`);
  }
  const lease = auth['lease_duration'];
  return {
    token: secret,
    leaseSeconds: typeof lease === 'number' && lease > 0 ? lease : 0,
    renewable: auth['renewable'] === true,
    principal: principalOf(auth['metadata'], undefined),
  };
}

/** A name for who we are: a service account, a role, or what Vault displays. */
export function principalOf(metadata: unknown, displayName: unknown): string | undefined {
  const of = (name: string): string | undefined => textOf(membersOf(metadata)[name])?.slice(0, 200);
  const account = of('service_account_name');
  if (account !== undefined) return `${of('service_account_namespace') ?? ''}/${account}`;
  return (
    of('role_name') ??
    of('role') ??
    (typeof displayName === 'string' && !['', 'token'].includes(displayName) ? displayName : undefined)
  );
}
