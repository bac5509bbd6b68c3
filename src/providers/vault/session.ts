import { isTamperError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { findInCauses } from '../../foundation/connection-failure.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { withKeyEvent } from '../../keys/events.ts';
import type { Secret } from '../../keys/secret.ts';
import type { KeyWarnings } from '../../keys/warnings.ts';
import type { VaultApi } from './api.ts';
import { VaultReplyError } from './error-map.ts';
import { type Login, type LoginMethod, readAuth } from './login.ts';
import { isAlive } from './token-login.ts';

/** A policy that was just denied is not asked for again by a login for this long, in milliseconds. */
const minLoginAgeMs = 60_000;

interface Current extends Login {
  readonly at: number;
  /** When it ends, in milliseconds since 1970; infinite where it does not, or nobody told us. */
  readonly endsAt: number;
}

/**
 * Being logged in: one login under way at a time, renewal at two thirds of the lease, a new login where renewing has come
 * to its end (max TTL), one new login after a refusal. After a login that was refused it waits, longer each time. Timers never keep the process alive.
 */
export class VaultSession {
  readonly #api: VaultApi;
  readonly #method: LoginMethod;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #warnings: KeyWarnings;
  readonly #refusals: LoginRefusals;
  #current: Current | undefined;
  #pending: Promise<Current> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(api: VaultApi, method: LoginMethod, clock: Clock, timeoutMs: number, warnings: KeyWarnings) {
    this.#api = api;
    this.#method = method;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#warnings = warnings;
    this.#refusals = new LoginRefusals(clock);
  }

  /** Who we are, as far as Vault said so. */
  get principal(): string | undefined {
    return this.#current?.principal;
  }

  /**
   * Calls with a token. After a refusal it finds out whether the token or the policy is at fault, logs in again where that
   * may help, and calls once more.
   *
   * @throws {TamperError} `UNAUTHENTICATED`: the token has ended and there is no other; `ACCESS_DENIED`: the policy; what a
   * login throws; what the call throws
   */
  async use<T>(signal: AbortSignal, call: (token: Secret | undefined) => Promise<T>): Promise<T> {
    const login = await this.#get();
    try {
      return await call(login.token);
    } catch (error) {
      if (!isTamperError(error, 'ACCESS_DENIED')) throw error;
      const next = await this.#afterRefusal(login, error, signal);
      return call(next.token);
    }
  }

  /** Is logged in, or logs in. @returns when the token ends, in milliseconds since 1970, whether it is renewed, and its place */
  async logIn(): Promise<{ readonly endsAt: number; readonly lasts: boolean; readonly place: string | undefined }> {
    const { endsAt, renewable } = await this.#get();
    return { endsAt, lasts: renewable || this.#method.repeatable, place: this.#method.place };
  }

  /** Stops the timer and overwrites the token and what the login method keeps. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#current?.token?.erase();
    this.#current = undefined;
    const erase = (): void => this.#method.erase?.();
    erase();
    void this.#pending?.then(erase, erase); // a login that still runs will fail, but may have read a credential by then
  }

  async #get(): Promise<Current> {
    const current = this.#current;
    if (current === undefined || (await this.#method.changed?.())) return this.#login();
    return this.#current ?? current; // replaced while we looked
  }

  async #afterRefusal(refused: Current, error: TamperError, signal: AbortSignal): Promise<Current> {
    if (this.#current !== refused && this.#current !== undefined) return this.#current; // somebody was faster
    const alive =
      refused.token === undefined || refused.token.erased || (await isAlive(this.#api, refused.token, signal));
    const repeatable =
      this.#method.repeatable && (this.#method.changed === undefined || (await this.#method.changed()));
    if (this.#current !== refused && this.#current !== undefined) return this.#current; // meanwhile
    if (repeatable && (!alive || this.#clock.now() - refused.at >= minLoginAgeMs)) return this.#login();
    if (alive) throw error;
    const { place } = this.#method;
    const [token, there] = place === undefined ? ['the token', ''] : [`the token from ${place}`, ' there'];
    throw new TamperError('UNAUTHENTICATED', `Vault: ${token} has expired, was revoked, or was never valid`, {
      cause: error,
      hint: `Provide a new token${there}, or let us log in with vault_auth_method approle or kubernetes.`,
    });
  }

  #login(): Promise<Current> {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the Vault provider is closed');
    this.#pending ??= this.#logIn().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #logIn(): Promise<Current> {
    const { name } = this.#method;
    await this.#refusals.check(async () => (await this.#method.renewed?.()) === true);
    return withKeyEvent({ operation: 'login', source: 'vault', keyId: name }, async (facts) => {
      facts.attempts = 1;
      const bounds = { what: `vault login by ${name}`, timeoutMs: this.#timeoutMs, clock: this.#clock };
      const login = await withDeadline(bounds, (signal) => this.#method.login(this.#api, signal)).catch(
        (error: unknown) => {
          this.#refusals.failed(error);
          throw error;
        },
      );
      this.#refusals.worked();
      if (login.principal !== undefined) facts.principal = login.principal;
      return this.#adopt(login);
    });
  }

  #adopt(login: Login): Current {
    if (this.#closed) {
      login.token?.erase();
      throw new TamperError('PROVIDER_CLOSED', 'the Vault provider is closed');
    }
    const now = this.#clock.now();
    const endsAt = login.leaseSeconds === 0 ? Number.POSITIVE_INFINITY : now + login.leaseSeconds * 1000;
    const current: Current = { ...login, at: now, endsAt };
    if (this.#current?.token !== login.token) this.#current?.token?.erase();
    this.#current = current;
    this.#plan(renewalDelayMs(login.leaseSeconds * 1000));
    return current;
  }

  #plan(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const current = this.#current;
    if (current === undefined || current.endsAt === Number.POSITIVE_INFINITY) return;
    if (!current.renewable && !this.#method.repeatable) {
      const seconds = Math.round((current.endsAt - this.#clock.now()) / 1000);
      this.#warnings.say(
        this.#method.name,
        `the Vault token expires in ${seconds} s and cannot be renewed`,
        'Use a renewable token, the token file of an agent, AppRole or Kubernetes.',
      );
      return;
    }
    if (this.#method.changed !== undefined && !current.renewable) return; // the agent writes the next one
    this.#cancelTimer = this.#clock.after(delayMs, () => void this.#extend(current));
  }

  /** Renews, or logs in again where renewing no longer helps; after a failure tries again while there is time. */
  async #extend(current: Current): Promise<void> {
    try {
      if (current.renewable) await this.#renew(current);
      else await this.#login();
    } catch (error) {
      if (!isTamperError(error)) throw error;
      // every failure was an event; who needs the token after its end logs in then, or is told why not
      if (this.#closed) return;
      const left = current.endsAt - this.#clock.now();
      if (left > 0) this.#plan(Math.min(Math.max(left / 3, 500), 30_000));
    }
  }

  async #renew(current: Current): Promise<void> {
    const { token } = current;
    if (token === undefined || token.erased) return;
    const increment = current.leaseSeconds;
    const renewed = await withKeyEvent(
      { operation: 'renew', source: 'vault', keyId: this.#method.name },
      async (facts) => {
        facts.attempts = 1;
        const bounds = { what: 'vault renew', timeoutMs: this.#timeoutMs, clock: this.#clock };
        const reply = await withDeadline(bounds, (signal) =>
          this.#api.call({
            what: 'renew the token',
            method: 'POST',
            path: 'auth/token/renew-self',
            body: { increment },
            token,
            secretMember: 'client_token',
            signal,
          }),
        );
        if (reply.requestId !== undefined) facts.requestId = reply.requestId;
        const auth = readAuth(reply, 'renew the token');
        auth.token.erase(); // the same one
        return auth;
      },
    );
    if (this.#closed || this.#current !== current) return;
    // less than asked for: max TTL is near, and the next step is a new login
    const renewable = renewed.renewable && renewed.leaseSeconds >= increment;
    const { principal } = current;
    const at = { token, leaseSeconds: renewed.leaseSeconds, renewable, principal };
    this.#adopt(at);
  }
}

/** Servers round a lease up to whole seconds, so a short one may end a second before it says. */
const roundingMs = 1200;

/** Two thirds of a lease, and never in the last second of it. */
function renewalDelayMs(leaseMs: number): number {
  return Math.max(Math.min((leaseMs * 2) / 3, leaseMs - roundingMs), leaseMs / 3);
}

/**
 * Waits after refused logins, in milliseconds; the last one again and again. Vault and OpenBao lock a role for everybody
 * after five refusals with less than 15 minutes between one and the next (`user_lockout_config`): a single writer with a
 * wrong credential must never get there.
 */
const refusedWaitsMs = [15_000, 60_000, 240_000, 960_000] as const;

/** Keeps a writer whose login is refused from asking again and again. */
class LoginRefusals {
  readonly #clock: Clock;
  #refusals = 0;
  #last: { readonly error: TamperError; readonly until: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asked before a login.
   *
   * @param isOther - whether the credential is another one than that which was refused: then there is no wait
   * @throws {TamperError} the last refusal, while its wait lasts
   */
  async check(isOther: () => Promise<boolean>): Promise<void> {
    const last = this.#last;
    const left = last === undefined ? 0 : last.until - this.#clock.now();
    if (last === undefined || left <= 0) return;
    if (await isOther()) {
      this.#refusals = 0;
      return;
    }
    const { code, message, hint } = last.error;
    const wait = `not asked again for ${Math.ceil(left / 1000)} s, unless the credential changes`;
    throw new TamperError(code, `${message}; ${wait}`, { cause: last.error, ...(hint !== undefined && { hint }) });
  }

  /** A login failed. Only where Vault itself refused it does that count. */
  failed(error: unknown): void {
    if (!(error instanceof TamperError) || !isRefusedLogin(error)) return;
    const wait = refusedWaitsMs[Math.min(this.#refusals, refusedWaitsMs.length - 1)] ?? 0;
    this.#refusals += 1;
    this.#last = { error, until: this.#clock.now() + wait };
  }

  /** A login worked. */
  worked(): void {
    this.#refusals = 0;
    this.#last = undefined;
  }
}

function isRefusedLogin(error: unknown): boolean {
  const status = findInCauses(error, (at) => (at instanceof VaultReplyError ? at.status : undefined));
  return status === 400 || status === 401 || status === 403;
}
