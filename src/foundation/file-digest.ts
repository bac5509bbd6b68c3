import { createHash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';

/** How much is read at once, in bytes; hashing it holds up the event loop for a quarter of a millisecond. */
const CHUNK = 524_288;

const readAt = promisify(read);

/** SHA-256 of the first `length` bytes of an open file, or of all that it holds where that is less, as hex. */
export async function fileDigest(fd: number, length: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, length));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await readAt(fd, chunk, 0, Math.min(CHUNK, length - at), at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest('hex');
}
