import { X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isError, systemCode, TamperError } from '../errors.ts';
import { formatNote, ownSignatureLines } from '../format/checkpoint.ts';
import { checkOrigin, tagOf } from '../format/origin.ts';
import { createDirectory } from '../foundation/directory.ts';
import { replaceFile } from '../foundation/durable-replace.ts';
import { readBytes, readText } from '../foundation/read-text.ts';
import { requestTimeStamp } from '../timestamp/request.ts';
import { TOKEN_LIMIT, verifyTimeStamp } from '../timestamp/token.ts';
import { readHeldNote } from '../verify/auditor/held-notes.ts';
import type { Timestamp } from '../verify/auditor/options.ts';
import { CLOCKS_DIFFER_MS } from '../verify/range/held.ts';
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
  const { time, authority, validUntil } = await verifyTimeStamp(reply, Buffer.from(text, 'utf8'), trusted, path);
  return rememberTimestamp({ note, time, authority, validUntil });
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

/** So long before the certificate of a time stamp ends the checkpoint is stamped again. */
const RENEWED_BEFORE_MS = 30 * 86_400_000;

/** What became of it. */
export interface TimestampLogResult {
  readonly size: number;
  readonly time: Date;
  readonly authority: string;
  /** When the authority's certificate ends. */
  readonly validUntil: Date;
  /** The file with the answer. */
  readonly file: string;
  /** Whether it was stamped now; false where it had been before. */
  readonly added: boolean;
  /** The file of an earlier answer whose certificate has ended or ends within 30 days: it stays, and the authority was asked again. */
  readonly ending?: string;
}

/**
 * Has the newest signed checkpoint of these files stamped, and keeps note and answer. What was stamped before is stamped again,
 * beside it, if the authority's certificate ends within 30 days and the authority has another one by now.
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
  const name = `${tagOf(origin)}-${String(size).padStart(16, '0')}`;
  const before = await stampedBefore(out, name, options.authorities);
  const left = (before?.validUntil.getTime() ?? 0) - Date.now();
  if (before !== undefined && left > RENEWED_BEFORE_MS) return { size, ...before, added: false };
  const fresh = await requestTimeStamp(url, Buffer.from(checkpoint.text, 'utf8'), trusted);
  const { time, authority, validUntil } = fresh;
  checkFresh(time, url);
  const ending = before?.file;
  if (before !== undefined && left > 0 && validUntil <= before.validUntil)
    return { size, ...before, added: false, ending: before.file };
  // an earlier answer keeps its name, for it says more of the past
  const again = ending === undefined ? '' : `-${time.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const file = join(out, `${name}${again}.tsr`);
  // with the log's own signatures: whoever holds it can check whose it is
  const note = formatNote(checkpoint.text, ownSignatureLines(checkpoint));
  await keep(out, file.replace(/tsr$/, 'note'), Buffer.from(note, 'utf8'));
  await keep(out, file, fresh.reply);
  return { size, time, authority, validUntil, file, added: true, ...(ending !== undefined && { ending }) };
}

/** An answer is about now: another time is that of a wrong clock, or of a key that somebody else has. */
function checkFresh(time: Date, url: string): void {
  const now = new Date();
  if (Math.abs(time.getTime() - now.getTime()) <= CLOCKS_DIFFER_MS) return;
  const message = `the time-stamp authority ${new URL(url).host} says that it is ${time.toISOString()}, but here it is ${now.toISOString()}`;
  throw new TamperError('TIMESTAMP_INVALID', message, {
    hint: 'Nothing was kept. The clocks may differ by 5 minutes: check the one of this machine, then ask the authority.',
  });
}

type Kept = Omit<TimestampLogResult, 'size' | 'added' | 'ending'>;

/** What this checkpoint was stamped with before: that of the certificate that ends last. */
async function stampedBefore(out: string, name: string, authorities: readonly string[]): Promise<Kept | undefined> {
  let last: Kept | undefined;
  for (const file of await filesIn(out)) {
    if (!file.startsWith(name) || !/^(?:-\d{8}T\d{6}Z)?\.tsr$/.test(file.slice(name.length))) continue;
    const path = join(out, file);
    const { time, authority, validUntil } = await loadTimestamp(path, authorities);
    if (last === undefined || validUntil > last.validUntil) last = { time, authority, validUntil, file: path };
  }
  return last;
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return [];
    throw new TamperError('READ_FAILED', `cannot read ${directory} (${systemCode(cause)})`, { cause });
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
