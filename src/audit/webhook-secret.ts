import { TamperError } from '../errors.ts';
import { SECRET_HINT, WebhookSecret } from '../fleet/watch/webhook-secret.ts';
import { shown } from '../foundation/key-like.ts';
import { readKeyFile } from '../providers/internal/key-file.ts';
import { decodeText } from '../providers/internal/key-text.ts';

/** Where the secret of a webhook is; never on a command line. */
export interface WebhookSecretPlace {
  /** A file that nobody but its owner may read. Default: the variable `AUDIT_WEBHOOK_SECRET`. */
  readonly secretFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const VARIABLE = 'AUDIT_WEBHOOK_SECRET';
const PREFIX = Buffer.from('whsec_', 'latin1');
/** The longest spelling has some ninety characters. */
const TEXT_LIMIT = 1_024;

/**
 * Reads the secret. No string is made of it, and no message quotes it.
 *
 * @throws {@link TamperError} `USAGE`: there is none; `KEY_MALFORMED`, `KEY_NOT_FOUND`, `KEY_FILE_PERMISSIONS`, `READ_FAILED`
 */
export async function webhookSecret({ secretFile, env }: WebhookSecretPlace): Promise<WebhookSecret> {
  const inVariable = env[VARIABLE] || undefined;
  if (secretFile === undefined && inVariable === undefined) {
    throw new TamperError('USAGE', 'a webhook needs a secret, so that its receiver can check the signatures', {
      hint: `Give --webhook-secret-file FILE, or set ${VARIABLE}. ${SECRET_HINT}`,
    });
  }
  const text =
    secretFile === undefined ? Buffer.from(inVariable ?? '', 'utf8') : await readKeyFile(secretFile, TEXT_LIMIT);
  try {
    return parse(text, secretFile === undefined ? `environment variable ${VARIABLE}` : `file ${shown(secretFile)}`);
  } finally {
    text.fill(0);
  }
}

function parse(text: Buffer, place: string): WebhookSecret {
  const end = text.at(-1) !== 0x0a ? 0 : text.at(-2) === 0x0d ? 2 : 1;
  const line = text.subarray(0, text.length - end);
  const bytes = line.subarray(0, PREFIX.length).equals(PREFIX) ? decodeText(line.subarray(PREFIX.length)) : undefined;
  if (bytes === undefined) {
    throw new TamperError('KEY_MALFORMED', `${place} holds no secret of a webhook`, { hint: SECRET_HINT });
  }
  try {
    return new WebhookSecret(bytes);
  } finally {
    bytes.fill(0);
  }
}
