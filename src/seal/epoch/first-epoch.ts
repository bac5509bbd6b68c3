import { isTamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import { pause } from '../../keys/retry.ts';
import type { Epoch } from './epoch.ts';
import { makeEpoch } from './epoch-maker.ts';
import type { KeySources } from './key-sources.ts';
import { Outage } from './outage.ts';

/** What a proxy, a certificate or another service at the address is to blame for: somebody may be mending it. */
const away: ReadonlySet<string> = new Set(['TLS_FAILED', 'RESPONSE_MALFORMED', 'RESPONSE_CORRUPTED']);

/** What the first key of a run is fetched with. */
export interface FirstEpochOptions {
  readonly sources: () => Promise<KeySources> | KeySources;
  readonly origin: string;
  readonly number: number;
  /** Whether to wait for a key service that is away (`on_start_failure`). A refusal always ends it. */
  readonly wait: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onOutage: (since: number, error: unknown) => void;
}

/** The first key period of a run, its keys, and since when they were waited for, where they were. */
export async function firstEpoch(
  options: FirstEpochOptions,
): Promise<{ epoch: Epoch; sources: KeySources; since: number | undefined }> {
  const { origin, number, clock, signal } = options;
  const outage = new Outage(clock);
  let sources: KeySources | undefined;
  for (;;) {
    try {
      sources ??= await options.sources();
      const epoch = await makeEpoch(sources, origin, number, signal);
      return { epoch, sources, since: outage.since };
    } catch (error) {
      const passing = isTamperError(error) && (error.retryable || away.has(error.code));
      if (!passing || !options.wait || signal.aborted) throw error;
      if (outage.failed()) options.onOutage(outage.since ?? clock.now(), error);
      await pause(outage.wait(error), `waiting for the first key of ${origin}`, signal, clock);
    }
  }
}
