/** What a name stands for. */
export interface Resolved {
  readonly identity: string;
  /**
   * What tells this key from another of the same identity, where that can be told: a key that is deleted and made again
   * under its name begins anew with version 1.
   */
  readonly incarnation?: string | undefined;
}

/**
 * Remembers what was handed out for each name, so that `rotateCheck` can say whether it has changed since. Comparing with a
 * cache would not do: a refresh ahead of expiry would hide the change from whoever asks next.
 */
export class RotationWatch {
  readonly #handedOut = new Map<string, Resolved>();

  /** A name was resolved for a caller. Identities that name a version themselves are noted only where they can come back. */
  note(name: string, resolved: Resolved): void {
    if (name === resolved.identity && resolved.incarnation === undefined) return;
    const before = this.#handedOut.get(name);
    const same = before !== undefined && resolved.incarnation === undefined && before.identity === resolved.identity;
    if (!same) this.#handedOut.set(name, resolved);
  }

  /**
   * Resolves every noted name again.
   *
   * @param resolve - asks the source, not a cache
   * @returns true once for each change
   * @throws what `resolve` throws; then no change counts as reported
   */
  async check(resolve: (name: string) => Promise<Resolved>): Promise<boolean> {
    const found = new Map<string, Resolved>();
    for (const name of this.#handedOut.keys()) found.set(name, await resolve(name));
    let changed = false;
    for (const [name, now] of found) {
      const before = this.#handedOut.get(name);
      changed ||= before === undefined || isOther(before, now);
      this.note(name, now);
    }
    return changed;
  }
}

function isOther(before: Resolved, now: Resolved): boolean {
  if (before.identity !== now.identity) return true;
  return before.incarnation !== undefined && now.incarnation !== undefined && before.incarnation !== now.incarnation;
}
