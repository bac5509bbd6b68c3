import { isError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { VaultReplyError } from './reply-error.ts';

/**
 * Waits after refused logins, in milliseconds; the last one again and again. Vault and OpenBao lock a role for everybody
 * after five refusals with less than 15 minutes between one and the next (`user_lockout_config`): a single writer with a
 * wrong credential must never get there.
 */
const waitsMs = [15_000, 60_000, 240_000, 960_000] as const;

/** Keeps a writer whose login is refused from asking again and again. */
export class LoginRefusals {
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
    if (!(error instanceof TamperError) || !isRefusal(error)) return;
    const wait = waitsMs[Math.min(this.#refusals, waitsMs.length - 1)] ?? 0;
    this.#refusals += 1;
    this.#last = { error, until: this.#clock.now() + wait };
  }

  /** A login worked. */
  worked(): void {
    this.#refusals = 0;
    this.#last = undefined;
  }
}

function isRefusal(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; isError(at) && depth < 4; at = at.cause, depth += 1) {
    if (at instanceof VaultReplyError) return at.status === 400 || at.status === 401 || at.status === 403;
  }
  return false;
}
