import { systemCode, TamperError, type TamperErrorCode } from '../../errors.ts';
import { causeAbout, shown } from '../../foundation/key-like.ts';
import { readBytes } from '../../foundation/read-text.ts';
import { Secret } from '../../keys/secret.ts';
import { assertPlain } from './secret-bytes.ts';

/** No credential is longer, in bytes. */
const maxBytes = 64 * 1024;

/** Of a file or directory that somebody named, perhaps by a credential itself. */
export function cannotRead(code: TamperErrorCode, what: string, path: string, cause: unknown): TamperError {
  const reason = systemCode(cause);
  return new TamperError(
    code,
    `${what} ${shown(path)} cannot be read${reason && ` (${reason})`}`,
    causeAbout(path, cause),
  );
}

/**
 * Reads a file that holds one credential; white space around it is dropped.
 *
 * @param what - for the message: `the Vault token file`
 * @throws {TamperError} `UNAUTHENTICATED`: absent, no regular file, unreadable, empty, too large or not printable ASCII
 */
export async function readCredential(path: string, what: string): Promise<Secret> {
  const bytes = await readBytes(path, maxBytes).catch((cause: unknown) => {
    throw cannotRead('UNAUTHENTICATED', what, path, cause);
  });
  try {
    const trimmed = trim(bytes);
    assertPlain(trimmed, `${what} ${path}`);
    return new Secret(trimmed);
  } finally {
    bytes.fill(0);
  }
}

/** Takes a credential from a variable. The variable itself stays. */
export function credentialOf(text: string, what: string): Secret {
  const bytes = Buffer.from(text);
  try {
    const trimmed = trim(bytes);
    assertPlain(trimmed, what);
    return new Secret(trimmed);
  } finally {
    bytes.fill(0);
  }
}

function trim(bytes: Buffer): Buffer {
  const isBlank = (byte: number | undefined): boolean => byte !== undefined && byte <= 0x20;
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

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
