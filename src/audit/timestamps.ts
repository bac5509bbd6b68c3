import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { isError, isTamperError, systemCode, TamperError } from '../errors.ts';
import { formatNote, ownSignatureLines } from '../format/checkpoint.ts';
import { checkOrigin, tagOf } from '../format/origin.ts';
import { createDirectory } from '../foundation/directory.ts';
import { replaceFile } from '../foundation/durable-replace.ts';
import { readBytes, readText } from '../foundation/read-text.ts';
import { requestTimeStamp } from '../timestamp/request.ts';
import { TOKEN_LIMIT, verifyTimeStamp } from '../timestamp/token.ts';
import { readHeldNote } from '../verify/auditor/held-notes.ts';
import type { Timestamp } from '../verify/auditor/options.ts';
import { newestSigned, proveGrowth } from '../verify/show/tree-walk.ts';
import { filesInOrder } from '../verify/show/walk.ts';
import { checkServiceAddress } from './service-address.ts';
import { rememberTimestamp } from './verify-options.ts';

/** Time stamps of checkpoints: `NAME.tsr`, a TimeStampResp over the text of the note in `NAME.note` (spec 8, M8.31). */

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The certificates in PEM files, DER. @throws {@link TamperError} `USAGE`, `KEY_MALFORMED`, `NOT_FOUND`, `READ_FAILED` */
async function loadAuthorities(paths: readonly string[]): Promise<Buffer[]> {
  if (paths.length === 0) {
    throw new TamperError('USAGE', 'a time stamp proves nothing without an authority that you trust', {
      hint: 'Name its root certificate: --tsa-certificate FILE.',
    });
  }
  const found = await Promise.all(
    paths.map(async (path) => {
      const certificates = (await readText(path)).match(PEM) ?? [];
      try {
        if (certificates.length > 0) return certificates.map((pem) => new X509Certificate(pem).raw);
      } catch (cause) {
        if (!isError(cause)) throw cause;
        throw new TamperError('KEY_MALFORMED', `${path} holds a certificate that cannot be read`, { cause });
      }
      throw new TamperError('KEY_MALFORMED', `${path} holds no certificate in PEM`, {
        hint: 'openssl x509 -inform der -in FILE -out FILE.pem makes one out of DER.',
      });
    }),
  );
  return found.flat();
}

/** `NAME.tsr` and `NAME.note`. @throws {@link TamperError} as `loadTimestamp` of `index.ts` */
export async function loadTimestamp(path: string, authorities: readonly string[]): Promise<Timestamp> {
  const trusted = await loadAuthorities(authorities);
  if (!path.endsWith('.tsr')) throw new TamperError('USAGE', `${path} is not called NAME.tsr, beside NAME.note`);
  const place = `${path.slice(0, -'.tsr'.length)}.note`;
  const note = await readText(place);
  const { text } = readHeldNote(note, place);
  const reply = await readBytes(path, TOKEN_LIMIT);
  const { time, authority } = await verifyTimeStamp(reply, Buffer.from(text, 'utf8'), trusted, path);
  return rememberTimestamp({ note, time, authority });
}

/** What to have stamped, by whom. */
export interface TimestampLogOptions {
  readonly paths: readonly string[];
  readonly origin: string;
  /** Address of the time-stamp authority (RFC 3161 section 3.4). */
  readonly url: string;
  /** PEM files with the certificates that its answers must lead to. */
  readonly authorities: readonly string[];
  /** The directory that takes the note and the answer. */
  readonly out: string;
}

/** What became of it. */
export interface TimestampLogResult {
  readonly size: number;
  readonly time: Date;
  readonly authority: string;
  /** The file with the answer. */
  readonly file: string;
  /** Whether it was stamped now; false where it had been before. */
  readonly added: boolean;
}

/**
 * Has the newest signed checkpoint of these files stamped, and keeps note and answer.
 *
 * @throws {@link TamperError} what `requestTimeStamp` and `proveGrowth` throw; `NOT_FOUND` without a signed checkpoint;
 *   `USAGE`, `INSECURE_ENDPOINT`, `ORIGIN_INVALID`, `KEY_MALFORMED`, `READ_FAILED`, `WRITE_FAILED`
 */
export async function timestampLog(options: TimestampLogOptions): Promise<TimestampLogResult> {
  const { origin, url, out } = options;
  checkOrigin(origin);
  checkServiceAddress(url, 'the time-stamp authority');
  const trusted = await loadAuthorities(options.authorities);
  const { files } = await filesInOrder({ paths: options.paths }, undefined);
  const checkpoint = await newestSigned(files, origin);
  if (checkpoint === undefined) {
    throw new TamperError('NOT_FOUND', `these files hold no signed checkpoint of ${origin}`, {
      hint: 'Check the name of the stream, and that the log is signed: see signing_key_id.',
    });
  }
  await proveGrowth(files, checkpoint, 0); // nothing is dated that these files do not give
  const { size } = checkpoint;
  const name = join(out, `${tagOf(origin)}-${String(size).padStart(16, '0')}`);
  const before = await stampedBefore(name, options.authorities);
  if (before !== undefined) return { size, ...before, file: `${name}.tsr`, added: false };
  const { time, authority, reply } = await requestTimeStamp(url, Buffer.from(checkpoint.text, 'utf8'), trusted);
  // with the log's own signatures: whoever holds it can check whose it is
  const note = formatNote(checkpoint.text, ownSignatureLines(checkpoint));
  await keep(out, `${name}.note`, Buffer.from(note, 'utf8'));
  await keep(out, `${name}.tsr`, reply);
  return { size, time, authority, file: `${name}.tsr`, added: true };
}

async function stampedBefore(
  name: string,
  authorities: readonly string[],
): Promise<Pick<Timestamp, 'time' | 'authority'> | undefined> {
  try {
    const { time, authority } = await loadTimestamp(`${name}.tsr`, authorities);
    return { time, authority };
  } catch (error) {
    if (isTamperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function keep(directory: string, path: string, bytes: Buffer): Promise<void> {
  try {
    createDirectory(directory, 0o777);
    await replaceFile({ path, temporary: `${path}.${process.pid}.tmp`, mode: 0o644 }, async (file) => {
      await file.writeFile(bytes);
    });
  } catch (cause) {
    if (systemCode(cause) === '') throw cause;
    throw new TamperError('WRITE_FAILED', `cannot write ${path} (${systemCode(cause)})`, { cause });
  }
}
