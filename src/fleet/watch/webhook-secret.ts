import { createHmac } from 'node:crypto';
import { TamperError } from '../../errors.ts';
import { Secret } from '../../keys/secret.ts';

/** As Standard Webhooks has it, in bytes. */
const SHORTEST = 24;
const LONGEST = 64;

/** What a receiver checks that a message is ours with: Standard Webhooks, symmetric signatures (`v1`). */
export class WebhookSecret {
  readonly #secret: Secret;

  /** `bytes` are copied, and stay the caller's. @throws {@link TamperError} `KEY_MALFORMED`: not 24 to 64 bytes */
  constructor(bytes: Uint8Array) {
    if (bytes.length < SHORTEST || bytes.length > LONGEST) {
      throw new TamperError('KEY_MALFORMED', `the secret of the webhook must be ${SHORTEST} to ${LONGEST} bytes long`, {
        hint: SECRET_HINT,
      });
    }
    this.#secret = new Secret(bytes);
  }

  /** The value of `webhook-signature`. `seconds` is that of `webhook-timestamp`. */
  sign(id: string, seconds: number, body: string): string {
    const mac = this.#secret.use((key) =>
      createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64'),
    );
    return `v1,${mac}`;
  }

  /** Overwrites it. */
  erase(): void {
    this.#secret.erase();
  }
}

/** How one is made. */
export const SECRET_HINT =
  'It is whsec_ and the base64 of 24 to 64 random bytes: printf \'whsec_%s\\n\' "$(openssl rand -base64 32)"';
