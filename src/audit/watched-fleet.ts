import { hash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { AuditMemory } from '../fleet/memory/audit-memory.ts';
import { audit } from '../fleet/run/audit.ts';
import type { Shard } from '../fleet/run/shard.ts';
import { Notifier } from '../fleet/watch/notifier.ts';
import { SentStates } from '../fleet/watch/sent-states.ts';
import { type WatchOptions, watch } from '../fleet/watch/watch.ts';
import { Webhook } from '../fleet/watch/webhook.ts';
import { noRequests, REQUEST_KINDS } from '../storage/counted-storage.ts';
import { type FleetAudit, openAudit } from './fleet-audit.ts';
import { type WebhookSecretPlace, webhookSecret } from './webhook-secret.ts';

/** An audit that looks again and again, by the names of its places. */

/** Who is notified of findings. */
export interface WatchWebhook extends WebhookSecretPlace {
  /** `https://`, or `http://` on this host. */
  readonly url: string;
}

/** After the end requests to a bucket that is away are not repeated for longer, in milliseconds. */
const GIVE_UP_MS = 5_000;

/** What {@link watchStreams} needs besides what is audited. */
export interface WatchStreamsOptions extends Omit<WatchOptions, 'round' | 'notifier'> {
  /** Default: nobody. */
  readonly webhook?: WatchWebhook | undefined;
}

/**
 * Audits many streams until it is stopped.
 *
 * @throws {@link TamperError} before the first round: as `auditStreams`, `INSECURE_ENDPOINT`, `KEY_MALFORMED`, `KEY_NOT_FOUND`,
 *   `KEY_FILE_PERMISSIONS`, `FORMAT_INVALID`, `UNAVAILABLE`; then what `isFatal` is true of
 */
export async function watchStreams(
  given: Omit<FleetAudit, 'now' | 'requests'>,
  { webhook: asked, ...options }: WatchStreamsOptions,
): Promise<void> {
  const secret = asked && (await webhookSecret(asked));
  try {
    const webhook = asked && secret && new Webhook({ url: asked.url, secret });
    const requests = noRequests();
    const giveUp = new AbortController();
    setMaxListeners(0, giveUp.signal); // one listener for each request is not a leak
    void options.stopped.then(() => setTimeout(() => giveUp.abort(), GIVE_UP_MS).unref());
    const { places, memory, watchMemory, close } = await openAudit({ ...given, requests, giveUp: giveUp.signal });
    const round: WatchOptions['round'] = async (onResult, signal) => {
      for (const kind of REQUEST_KINDS) requests[kind] = 0;
      const began = performance.now();
      const summary = await audit({ ...given, places, memory, now: new Date(), signal }, onResult);
      return {
        summary,
        run: { endedAt: Date.now(), tookMs: performance.now() - began, requests: { ...requests } },
      };
    };
    try {
      const notifier = webhook && new Notifier(webhook, await sentStates(watchMemory, given));
      await watch({ ...options, round, notifier });
    } finally {
      close();
    }
  } finally {
    secret?.erase();
  }
}

/** Watches of other places, names or parts have records of their own. */
function sentStates(
  memory: AuditMemory,
  {
    places,
    options,
    shard,
  }: { readonly places: readonly string[]; readonly shard: Shard } & Pick<FleetAudit, 'options'>,
): Promise<SentStates> {
  const watched = [[...places].sort(), [options.origin ?? []].flat(), shard];
  return SentStates.open(memory, hash('sha256', JSON.stringify(watched), 'hex'));
}
