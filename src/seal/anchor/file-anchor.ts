import { existsSync, readFileSync } from 'node:fs';
import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { appendDurably } from '../../foundation/durable-append.ts';
import { systemCode } from '../disk/sink.ts';
import { isAddress } from './anchor-name.ts';

/** Appends a note to a file as a checkpoint line, onto the disk. */
export async function appendNote(path: string, note: string): Promise<void> {
  await appendDurably(path, `${formatCheckpointLine(note)}\n`, 0o640);
}

/** The newest checkpoint of a stream in the anchors that are files. */
export function newestAnchored(names: readonly string[], origin: string): SignedCheckpoint | undefined {
  let newest: SignedCheckpoint | undefined;
  for (const name of names) {
    if (isAddress(name) || !existsSync(name)) continue;
    for (const text of readAnchor(name).split('\n')) {
      const line = classifyLine(Buffer.from(text, 'utf8'));
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      if (checkpoint?.origin === origin && checkpoint.size > (newest?.size ?? 0)) newest = checkpoint;
    }
  }
  return newest;
}

function readAnchor(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (cause) {
    throw new TamperError('READ_FAILED', `cannot read the anchor ${name} (${systemCode(cause)})`, { cause });
  }
}
