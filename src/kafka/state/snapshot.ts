import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { TamperError } from '../../errors.ts';
import { openRegular } from '../../foundation/regular-file.ts';
import { decodeFrames, encodeFrame, type Frame, type SavedState, type StateOwner } from './frames.ts';

/** A snapshot is a file: a {@link SavedState}, the frames that led there, and the SHA-256 of all that. */

/** The only version that is read. */
export const STATE_VERSION = 2;
const DIGEST = 32;
/** So much is read and written at a time, in bytes; a frame may be longer. */
const CHUNK = 2 ** 20;

/** Writes a snapshot into an empty file. */
export async function writeSnapshot(file: FileHandle, frames: AsyncIterable<Frame>): Promise<void> {
  const hash = createHash('sha256');
  let parts: Buffer[] = [];
  let size = 0;
  const write = async (): Promise<void> => {
    for (const bytes of parts) hash.update(bytes);
    await file.writeFile(Buffer.concat(parts)); // behind what is written
    [parts, size] = [[], 0];
  };
  for await (const frame of frames) {
    const bytes = encodeFrame(frame);
    parts.push(bytes);
    size += bytes.length;
    if (size >= CHUNK) await write();
  }
  await write();
  await file.writeFile(hash.digest());
}

/** The beginning of a snapshot that is whole. @throws {@link TamperError} `STATE_MALFORMED` */
export async function readSaved(path: string): Promise<SavedState> {
  let length = 0;
  for await (const bytes of checkedBytes(path)) length += bytes.length;
  for await (const saved of framesIn(path)) {
    if (saved.kind !== 'saved') break;
    if (saved.version !== STATE_VERSION) throw damaged(path, `it is of version ${saved.version}`);
    return saved;
  }
  throw damaged(path, `its ${length} bytes do not begin as a state does`);
}

/** The frames of a snapshot. @throws {@link TamperError} `STATE_MALFORMED`, behind the last one */
export async function* framesIn(path: string): AsyncGenerator<Frame> {
  let left: Buffer = Buffer.alloc(0);
  try {
    for await (const bytes of checkedBytes(path)) left = yield* decodeFrames(Buffer.concat([left, bytes]));
  } catch (error) {
    throw error instanceof SyntaxError ? damaged(path) : error; // changed since it was checked
  }
  if (left.length > 0) throw damaged(path);
}

async function* checkedBytes(path: string): AsyncGenerator<Buffer> {
  const file = await openRegular(path);
  try {
    const hash = createHash('sha256');
    const end = (await file.stat()).size - DIGEST;
    if (end <= 0) throw damaged(path);
    for (let at = 0; at < end; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw damaged(path);
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      yield bytes;
      at += bytesRead;
    }
    const { buffer } = await file.read(Buffer.alloc(DIGEST), 0, DIGEST, end);
    if (!hash.digest().equals(buffer)) throw damaged(path);
  } finally {
    await file.close();
  }
}

/** What is wrong with a state that cannot be used as it is. */
function damaged(path: string, why = 'it was cut or changed'): TamperError {
  return new TamperError('STATE_MALFORMED', `the state ${path} is damaged: ${why}`, {
    hint: 'Name another --state PATH: the topic is then read from its beginning. Keep the damaged one if you want to know why.',
  });
}

/** A state goes on only with what it was begun with. @throws {@link TamperError} `STATE_CONFLICT` */
export function checkOwner(saved: StateOwner, present: StateOwner, path: string): void {
  const other = differences(saved, present);
  if (other === undefined) return;
  throw new TamperError('STATE_CONFLICT', `the state ${path} belongs to ${other}`, {
    hint: 'Name another --state PATH for this verification, or run it with what the state was begun with.',
  });
}

function differences(saved: StateOwner, present: StateOwner): string | undefined {
  if (saved.cluster !== present.cluster) return `another cluster (${saved.cluster}, not ${present.cluster})`;
  if (saved.topic !== present.topic) return `another topic (${saved.topic}, not ${present.topic})`;
  if (saved.topicId !== present.topicId) return `an earlier topic ${saved.topic}, which was deleted since`;
  if (saved.origins.join('\n') !== present.origins.join('\n')) {
    return `other streams (${saved.origins.join(', ')}, not ${present.origins.join(', ')})`;
  }
  if (saved.policy !== present.policy) return 'another policy: what it says was changed, or there was none';
  return undefined;
}
