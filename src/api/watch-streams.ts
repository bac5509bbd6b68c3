import { setMaxListeners } from 'node:events';
import { audit } from '../audit/run/audit.ts';
import { Notifier } from '../audit/watch/notifier.ts';
import { type WatchOptions, watch } from '../audit/watch/watch.ts';
import { SECRET_HINT, Webhook, WebhookSecret } from '../audit/watch/webhook.ts';
import { TamperError } from '../errors.ts';
import { shown } from '../foundation/key-like.ts';
import { readKeyFile } from '../providers/internal/key-file.ts';
import { decodeText } from '../providers/internal/key-text.ts';
import { noRequests, REQUEST_KINDS } from '../storage/counted-storage.ts';
import { openAudit, type StreamsToAudit } from './audit-streams.ts';

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
 *   `KEY_FILE_PERMISSIONS`, `UNAVAILABLE`; then what `isFatal` is true of
 */
export async function watchStreams(
  given: Omit<StreamsToAudit, 'now' | 'requests'>,
  { webhook: asked, ...options }: WatchStreamsOptions,
): Promise<void> {
  const secret = asked && (await webhookSecret(asked));
  try {
    const webhook = asked && secret && new Webhook({ url: asked.url, secret });
    const requests = noRequests();
    const giveUp = new AbortController();
    setMaxListeners(0, giveUp.signal); // one listener for each request is not a leak
    void options.stopped.then(() => setTimeout(() => giveUp.abort(), GIVE_UP_MS).unref());
    const { places, memory, close } = await openAudit({ ...given, requests, giveUp: giveUp.signal });
    let remembered = 0;
    const onRemembered = (streams: number): void => {
      if (streams === 0 && remembered > 0) throw memoryIsLost(memory.name, remembered);
    };
    const round: WatchOptions['round'] = async (onResult, signal) => {
      for (const kind of REQUEST_KINDS) requests[kind] = 0;
      const began = performance.now();
      const summary = await audit({ ...given, places, memory, now: new Date(), signal, onRemembered }, onResult);
      remembered = Math.max(remembered, summary.verdicts.ok);
      return {
        summary,
        run: { endedAt: Date.now(), tookMs: performance.now() - began, requests: { ...requests } },
      };
    };
    try {
      await watch({ ...options, round, notifier: webhook && new Notifier(webhook) });
    } finally {
      close();
    }
  } finally {
    secret?.erase();
  }
}

/** A memory that is not mounted any more would make each stream a new one, whatever was done to it meanwhile. */
function memoryIsLost(memory: string, streams: number): TamperError {
  const message = `nothing is remembered any more in ${memory}; earlier rounds left at least ${streams} there`;
  return new TamperError('NOT_FOUND', message, {
    hint: 'Is it mounted? If you removed what was remembered on purpose, start the watch again.',
  });
}

/** Where the secret of a webhook is; never on a command line. */
interface WebhookSecretPlace {
  /** A file that nobody but its owner may read. Default: the variable `AUDIT_WEBHOOK_SECRET`. */
  readonly secretFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const SECRET_VARIABLE = 'AUDIT_WEBHOOK_SECRET';
const SECRET_PREFIX = Buffer.from('whsec_', 'latin1');
/** The longest spelling has some ninety characters. */
const SECRET_LIMIT = 1_024;

/**
 * Reads the secret. No string is made of it, and no message quotes it.
 *
 * @throws {@link TamperError} `USAGE`: there is none; `KEY_MALFORMED`, `KEY_NOT_FOUND`, `KEY_FILE_PERMISSIONS`, `READ_FAILED`
 */
async function webhookSecret({ secretFile, env }: WebhookSecretPlace): Promise<WebhookSecret> {
  const inVariable = env[SECRET_VARIABLE] || undefined;
  if (secretFile === undefined && inVariable === undefined) {
    throw new TamperError('USAGE', 'a webhook needs a secret, so that its receiver can check the signatures', {
      hint: `Give --webhook-secret-file FILE, or set ${SECRET_VARIABLE}. ${SECRET_HINT}`,
    });
  }
  const text =
    secretFile === undefined ? Buffer.from(inVariable ?? '', 'utf8') : await readKeyFile(secretFile, SECRET_LIMIT);
  try {
    return secretIn(
      text,
      secretFile === undefined ? `environment variable ${SECRET_VARIABLE}` : `file ${shown(secretFile)}`,
    );
  } finally {
    text.fill(0);
  }
}

function secretIn(text: Buffer, place: string): WebhookSecret {
  const end = text.at(-1) !== 0x0a ? 0 : text.at(-2) === 0x0d ? 2 : 1;
  const line = text.subarray(0, text.length - end);
  const bytes = line.subarray(0, SECRET_PREFIX.length).equals(SECRET_PREFIX)
    ? decodeText(line.subarray(SECRET_PREFIX.length))
    : undefined;
  if (bytes === undefined) {
    throw new TamperError('KEY_MALFORMED', `${place} holds no secret of a webhook`, { hint: SECRET_HINT });
  }
  try {
    return new WebhookSecret(bytes);
  } finally {
    bytes.fill(0);
  }
}
