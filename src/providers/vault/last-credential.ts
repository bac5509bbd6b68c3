import type { Secret } from '../../keys/secret.ts';

/** The credential that was sent last, to see whether there is another one by now. */
export class LastCredential {
  #sent: Secret | undefined;

  /** Keeps a copy. */
  note(credential: Secret): void {
    this.erase();
    this.#sent = credential.copy();
  }

  /** Whether `read` gives another one. One that cannot be read counts as another: a login then says what is wrong with it. */
  async isOther(read: () => Promise<Secret>): Promise<boolean> {
    const now = await read().catch(() => undefined);
    if (now === undefined || this.#sent === undefined) return true;
    const same = now.equals(this.#sent);
    now.erase();
    return !same;
  }

  erase(): void {
    this.#sent?.erase();
    this.#sent = undefined;
  }
}
