/**
 * Remembers which identity was handed out for each name, so that `rotateCheck` can say whether one has changed since.
 * Comparing with a cache would not do: a refresh ahead of expiry would hide the change from whoever asks next.
 */
export class RotationWatch {
  readonly #handedOut = new Map<string, string>();

  /** A name was resolved for a caller. Identities that name a version themselves are not noted. */
  note(name: string, identity: string): void {
    if (name !== identity) this.#handedOut.set(name, identity);
  }

  /**
   * Resolves every noted name again.
   *
   * @param resolve - asks the source, not a cache
   * @returns true once for each change
   * @throws what `resolve` throws; then no change counts as reported
   */
  async check(resolve: (name: string) => Promise<string>): Promise<boolean> {
    const found = new Map<string, string>();
    for (const name of this.#handedOut.keys()) found.set(name, await resolve(name));
    let changed = false;
    for (const [name, identity] of found) {
      changed ||= this.#handedOut.get(name) !== identity;
      this.#handedOut.set(name, identity);
    }
    return changed;
  }
}
