import { TamperError } from '../errors.ts';
import { publishKeyWarning } from './events.ts';
import type { KeySource } from './identity.ts';

/** Told of something about keys that works, and should be done otherwise (`KEY_WARNING`). */
export type WarningListener = (warning: TamperError) => void;

/**
 * The warnings of one provider: each is said once, as an event of the channel and to whoever listens. Whoever begins to
 * listen later is told what was said before.
 */
export class KeyWarnings {
  readonly #source: KeySource;
  readonly #said = new Map<string, TamperError>();
  readonly #listeners = new Set<WarningListener>();

  constructor(source: KeySource) {
    this.#source = source;
  }

  /**
   * @param about - the key, credential or host that it is about, for the event
   * @param hint - what to do instead
   */
  say(about: string, detail: string, hint?: string): void {
    if (this.#said.has(detail)) return;
    const warning = new TamperError('KEY_WARNING', detail, hint === undefined ? {} : { hint });
    this.#said.set(detail, warning);
    publishKeyWarning(this.#source, about, detail);
    for (const listener of this.#listeners) listener(warning);
  }

  listen(listener: WarningListener): void {
    this.#listeners.add(listener);
    for (const warning of this.#said.values()) listener(warning);
  }
}
