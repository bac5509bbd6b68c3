import { createHash } from 'node:crypto';
import { close, constants, fdatasync, read } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { digestBytes } from '../../core/hash.ts';
import { encodeBase64 } from '../../format/base64.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type KeyReference, noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { formatManifest, type Manifest, RATCHET_ALGORITHM } from '../../format/manifest.ts';
import { noteKeyId } from '../../format/vkey.ts';
import { formatTime } from '../../foundation/clock.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { manifestPath, STDOUT } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import type { StreamState } from '../disk/state-record.ts';
import type { SealJob } from './seal-job.ts';
import type { FileClosedEvent } from './sealer-events.ts';

/** What a {@link ClosedFiles} is made from. */
export interface ClosedFilesOptions {
  readonly compressRotated: boolean;
  /** Whether somebody needs the file as it is: it is not compressed then. */
  readonly isNeeded: (file: string) => Promise<boolean>;
  readonly closed: (event: FileClosedEvent) => void;
  /** Checks a closed file (`verify_on_close`). */
  readonly verify: ((event: FileClosedEvent) => Promise<void>) | undefined;
  readonly warn: (error: unknown) => void;
}

/** What happens to a file after its close has its checkpoint: manifest, compression, check. One file after the other. */
export class ClosedFiles {
  readonly #options: ClosedFilesOptions;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ClosedFilesOptions) {
    this.#options = options;
  }

  /** A file's last entry has its checkpoint. */
  add(job: SealJob, note: string, after: StreamState['after']): void {
    if (job.file === STDOUT || !job.sink.maybeInPlace) return; // M7.2: what has the file's name now is another file
    const bytes = job.sink.size;
    this.#work = this.#work.then(() => this.#finish(job, bytes, note, after)).catch(this.#options.warn);
  }

  /** Nobody waits any more: what is not done is left. A missing manifest is no finding (spec 7). */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is left to do. */
  done(): Promise<void> {
    return this.#work;
  }

  /** Asked again after each wait. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  async #finish(job: SealJob, bytes: number, note: string, after: StreamState['after']): Promise<void> {
    if (this.#isStopped()) return;
    const manifest = await writeManifest(job, bytes, note, after);
    if (manifest === undefined || this.#isStopped()) return;
    const { compressRotated, isNeeded } = this.#options;
    const compressed =
      compressRotated && job.closes?.why !== 'shutdown' && !(await isNeeded(job.file)) && job.sink.inPlace;
    const file = compressed ? await compressFile(job.file) : job.file;
    const event = { origin: job.epoch.origin, file, manifest };
    this.#options.closed(event);
    await this.#options.verify?.(event);
  }
}

/** The code and zlib are loaded only where a file is compressed: every logging process would pay for them at its start. */
async function compressFile(file: string): Promise<string> {
  const { compress } = await import('./compression.ts');
  return compress(file);
}

/**
 * Writes the manifest of a closed file of `bytes` bytes. `note` is the checkpoint that covers its last entry.
 *
 * @returns its path; undefined where somebody else has renamed or replaced the file: what has its name now is another one
 */
async function writeManifest(
  job: SealJob,
  bytes: number,
  note: string,
  after: StreamState['after'],
): Promise<string | undefined> {
  const { account, closes, file, epoch } = job;
  const signature = firstSignature(note, epoch.reference);
  const before = after !== undefined && account.firstSeq === 1 ? after : undefined;
  const manifest: Manifest = {
    version: 1,
    origin: epoch.origin,
    file: basename(file),
    created_ts: account.created,
    closed_ts: formatTime(job.time),
    record_count: account.records,
    first_seq: account.firstSeq,
    last_seq: job.size,
    ...(closes?.times && { first_ts: formatTime(closes.times.first), last_ts: formatTime(closes.times.last) }),
    size: job.size,
    root: encodeBase64(digestBytes(job.root)),
    algo: epoch.member === 'mac' ? 'hmac-sha256' : 'sha256',
    key_id: epoch.kid,
    ...(before !== undefined && { continues_from: { ...before, root: encodeBase64(digestBytes(before.root)) } }),
    ...(account.firstSeq > 1 && {
      continues_from: {
        origin: epoch.origin,
        size: account.firstSeq - 1,
        root: encodeBase64(digestBytes(account.root)),
      },
    }),
    bytes,
    sha256: await hashDurably(file, bytes),
    checkpoint: note,
    ...signature,
  };
  if (!job.sink.inPlace) return undefined; // M7.2: what was hashed may be another file
  const path = manifestPath(file);
  const temporary = `${path}.${process.pid}-${++replacements}.tmp`;
  await replaceFile({ path, temporary, mode: 0o640 }, (file) => file.writeFile(formatManifest(manifest)));
  return path;
}

function firstSignature(note: string, key: KeyReference): Pick<Manifest, 'signature_algo' | 'signature'> {
  const checkpoint = parseSignedCheckpoint(note);
  const first = checkpoint?.signatures[0];
  const signer = signersOf(key).find(
    (one) => noteKeyId(checkpoint?.origin ?? '', noteKeyOf(one)).toString('hex') === first?.keyId,
  );
  return {
    signature_algo: signer?.algorithm ?? RATCHET_ALGORITHM,
    signature: encodeBase64(first?.bytes ?? Buffer.alloc(0)),
  };
}

const datasync = promisify(fdatasync);
let replacements = 0;

const closeFile = promisify(close);

/**
 * SHA-256 of a file's first `length` bytes, as hex, once they are on the disk: after a power cut the manifest must not tell
 * of bytes that are gone (M7.2).
 */
async function hashDurably(file: string, length: number): Promise<string> {
  const fd = openRegular(file, constants.O_RDWR);
  try {
    await datasync(fd);
    return await fileDigest(fd, length);
  } finally {
    await closeFile(fd);
  }
}

/** How much is read at once, in bytes; hashing it holds up the event loop for a quarter of a millisecond. */
const HASHED_AT_ONCE = 524_288;

const readAt = promisify(read);

/** SHA-256 of the first `length` bytes of an open file, or of all that it holds where that is less, as hex. */
async function fileDigest(fd: number, length: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(Math.min(HASHED_AT_ONCE, length));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await readAt(fd, chunk, 0, Math.min(HASHED_AT_ONCE, length - at), at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest('hex');
}
