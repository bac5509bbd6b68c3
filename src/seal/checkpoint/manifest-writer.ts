import { close, constants, fdatasync } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { digestBytes } from '../../core/hash.ts';
import { encodeBase64 } from '../../format/base64.ts';
import { parseSignedCheckpoint } from '../../format/checkpoint.ts';
import { type KeyReference, noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { formatManifest, type Manifest, RATCHET_ALGORITHM } from '../../format/manifest.ts';
import { noteKeyId } from '../../format/vkey.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { fileDigest } from '../../foundation/file-digest.ts';
import { formatTime } from '../../foundation/time.ts';
import { manifestPath } from '../disk/names.ts';
import { openRegular } from '../disk/safe-open.ts';
import type { StreamState } from '../disk/state-record.ts';
import type { SealJob } from './seal-job.ts';

/**
 * Writes the manifest of a closed file of `bytes` bytes. `note` is the checkpoint that covers its last entry.
 *
 * @returns its path; undefined where somebody else has renamed or replaced the file: what has its name now is another one
 */
export async function writeManifest(
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
