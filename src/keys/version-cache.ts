import { TamperError } from '../errors.ts';
import { type Clock, systemClock } from '../foundation/clock.ts';
import { throwIfAborted } from '../foundation/deadline.ts';
import { LruMap } from '../foundation/lru-map.ts';
import { untilAborted } from '../foundation/until-aborted.ts';

/** What a {@link VersionCache} is made from. */
export interface VersionCacheOptions<V> {
  /** How old a value may be when it is handed out, in seconds (`key_cache_ttl_seconds`); 0 asks every time. */
  readonly ttlSeconds: number;
  /** Asks the source what a name stands for now. Must have a deadline of its own. */
  readonly load: (name: string) => Promise<V>;
  /** The identity of a value, version included: the key under which {@link VersionCache.at} finds it. */
  readonly identityOf: (value: V) => string;
  /** After a failed load no other starts for this long, in milliseconds. Default 1,000. */
  readonly cooldownMs?: number;
  readonly clock?: Clock;
  /** 0 ≤ x < 1; spreads the refreshes of a fleet. */
  readonly random?: () => number;
}

/** What the cache knows of one name, for diagnosis and tests. */
export interface VersionState {
  /** Whether there is a value that is not older than the bound. */
  readonly fresh: boolean;
  /** Whether a load is under way. */
  readonly reloading: boolean;
  /** Whether a load failed so recently that {@link VersionCache.get} starts none. */
  readonly coolingDown: boolean;
  /** How old the value is, counted from the moment its load began, in milliseconds; undefined without one. */
  readonly ageMs: number | undefined;
}

/** Orders what is learnt: taken before a call, given back with its answer. */
export type Ticket = number & { readonly ticket: unique symbol };

interface Entry<V> {
  value?: V;
  loadedAt: number;
  /** The ticket of the value; what was asked earlier never replaces it. */
  applied: number;
  pending?: Promise<V>;
  /** `inARow` counts the loads that failed since the last one that did not. */
  failure?: { readonly error: unknown; readonly at: number; readonly inARow: number };
  usedAt: number;
  cancelRefresh?: () => void;
}

/** How many names and how many versions are kept; the least recently used goes first. */
const maxEntries = 1_000;

/**
 * What names of keys stand for at the moment: the freshness cache of every remote provider. It holds identities, versions
 * and public keys, **never data keys**.
 *
 * A value is never handed out older than `ttlSeconds`, counted from before it was asked for. While a name is in use it is
 * loaded again at 70 to 90 % of that age, by a timer and so off every caller's path; unused names are let go. One load per
 * name is under way at a time; after a failed one there is a pause; a late answer never replaces a newer one.
 */
export class VersionCache<V> {
  readonly #options: VersionCacheOptions<V>;
  readonly #clock: Clock;
  readonly #names = new LruMap<string, Entry<V>>(maxEntries, (entry) => entry.cancelRefresh?.());
  readonly #versions = new LruMap<string, V>(maxEntries);
  #sequence = 0;
  #closed = false;

  constructor(options: VersionCacheOptions<V>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The value of a name, at most `ttlSeconds` old.
   *
   * @param signal - ends the wait of this caller (`ABORTED`); the load goes on for the others
   * @throws what the load throws; during the pause after a failed load, that failure again
   */
  async get(name: string, signal?: AbortSignal): Promise<V> {
    throwIfAborted(`key "${name}"`, signal);
    const entry = this.#entry(name);
    const now = this.#clock.now();
    entry.usedAt = now;
    if (entry.value !== undefined && this.#isFresh(entry, now)) return entry.value;
    if (entry.pending === undefined && this.#isCoolingDown(entry, now)) throw entry.failure?.error;
    return untilAborted(`key "${name}"`, entry.pending ?? this.#load(name, entry), signal);
  }

  /**
   * Asks the source now, whatever is known and whether or not a load is under way: an answer to a question asked before
   * the call would not do for `rotateCheck`.
   */
  async reload(name: string, signal?: AbortSignal): Promise<V> {
    throwIfAborted(`key "${name}"`, signal);
    return untilAborted(`key "${name}"`, this.#load(name, this.#entry(name)), signal);
  }

  /** Something showed that a value is out of date: asks again off the caller's path, and whoever asks next waits for it. */
  expire(name: string): void {
    const entry = this.#names.get(name);
    if (entry === undefined || this.#closed) return;
    entry.loadedAt = Number.NEGATIVE_INFINITY;
    this.#load(name, entry).catch(() => undefined); // kept in entry.failure, thrown to whoever asks next
  }

  /** What the cache holds for a name, however old. For comparing, never for use. */
  peek(name: string): V | undefined {
    return this.#names.get(name)?.value;
  }

  /** The value of a version. A version never changes, so it does not age. */
  at(identity: string): V | undefined {
    return this.#versions.get(identity);
  }

  /** Keeps the value of a version without saying that any name stands for it. */
  remember(value: V): void {
    this.#versions.set(this.#options.identityOf(value), value);
  }

  /** Take one before a call whose answer will say what a name stands for; give it to {@link VersionCache.observe}. */
  ticket(): Ticket {
    this.#sequence += 1;
    return this.#sequence as Ticket;
  }

  /** Takes in what another call's answer said of a name, unless something asked later is known already. */
  observe(name: string, value: V, ticket: Ticket): void {
    this.#apply(name, this.#entry(name), value, ticket, this.#clock.now());
  }

  /** The names that were asked for and are still held. */
  names(): readonly string[] {
    return [...this.#names.keys()];
  }

  /** What is known of a name. */
  state(name: string): VersionState {
    const entry = this.#names.get(name);
    const now = this.#clock.now();
    return {
      fresh: entry?.value !== undefined && this.#isFresh(entry, now),
      reloading: entry?.pending !== undefined,
      coolingDown: entry !== undefined && this.#isCoolingDown(entry, now),
      ageMs: entry?.value === undefined ? undefined : now - entry.loadedAt,
    };
  }

  /** Stops every timer and forgets everything. */
  close(): void {
    this.#closed = true;
    this.#names.clear();
    this.#versions.clear();
  }

  #entry(name: string): Entry<V> {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', `the provider of key "${name}" is closed`);
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const entry: Entry<V> = { loadedAt: 0, applied: 0, usedAt: this.#clock.now() };
    this.#names.set(name, entry);
    return entry;
  }

  #load(name: string, entry: Entry<V>): Promise<V> {
    const ticket = this.ticket();
    const startedAt = this.#clock.now();
    const load = (async () => this.#options.load(name))().then(
      (value) => {
        if (entry.pending === load) delete entry.pending;
        this.#apply(name, entry, value, ticket, startedAt);
        return entry.value ?? value;
      },
      (error: unknown) => {
        if (entry.pending === load) delete entry.pending;
        if (ticket > entry.applied) {
          entry.failure = { error, at: this.#clock.now(), inARow: (entry.failure?.inARow ?? 0) + 1 };
          this.#schedule(name, entry);
        }
        throw error;
      },
    );
    entry.pending = load;
    return load;
  }

  #apply(name: string, entry: Entry<V>, value: V, ticket: number, askedAt: number): void {
    if (this.#closed) return;
    this.remember(value);
    if (ticket < entry.applied) return;
    entry.applied = ticket;
    entry.value = value;
    entry.loadedAt = askedAt;
    delete entry.failure;
    this.#schedule(name, entry);
  }

  #schedule(name: string, entry: Entry<V>): void {
    entry.cancelRefresh?.();
    delete entry.cancelRefresh;
    const ttlMs = this.#options.ttlSeconds * 1000;
    if (this.#closed || ttlMs <= 0) return;
    const random = this.#options.random ?? Math.random;
    const now = this.#clock.now();
    // nobody waits for a refresh ahead of time: it doubles its pauses, so that a fleet does not use up the read quota
    const pauses = this.#cooldownMs * 2 ** Math.min((entry.failure?.inARow ?? 1) - 1, 20);
    const failedFor = entry.failure === undefined ? undefined : Math.min(pauses, ttlMs) * (1 + random());
    const delay = failedFor ?? entry.loadedAt + ttlMs * (0.7 + 0.2 * random()) - now;
    entry.cancelRefresh = this.#clock.after(delay, () => {
      delete entry.cancelRefresh;
      if (entry.pending !== undefined || this.#clock.now() - entry.usedAt > 2 * ttlMs) return;
      this.#load(name, entry).catch(() => undefined); // kept in entry.failure, thrown to whoever asks next
    });
  }

  get #cooldownMs(): number {
    return this.#options.cooldownMs ?? 1_000;
  }

  #isFresh(entry: Entry<V>, now: number): boolean {
    return now - entry.loadedAt < this.#options.ttlSeconds * 1000;
  }

  #isCoolingDown(entry: Entry<V>, now: number): boolean {
    return entry.failure !== undefined && now - entry.failure.at < this.#cooldownMs;
  }
}
