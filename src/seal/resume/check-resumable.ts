import { fstatSync } from 'node:fs';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import type { StreamState } from '../disk/state-record.ts';
import { lastKnownEntry, openForRecovery, openKnown, ownOpen, whereItIs } from './recovery.ts';
import { checkNextFile } from './stream-site.ts';

/**
 * Whether a start could go on, as far as can be told without changing anything.
 *
 * @param named - the state of the stream, if it has one
 * @throws {@link TamperError} `STATE_CONFLICT`, `READ_FAILED`, `UNSAFE_PATH`
 */
export function checkResumable(named: StreamState | undefined, origin: string, file: string): void {
  const state = named && whereItIs(named);
  if (state !== undefined && state.base !== file) checkNextFile(file, state);
  const fd = state === undefined ? openForRecovery(file) : openKnown(state);
  if (fd === undefined) return;
  try {
    if (state !== undefined) lastKnownEntry(fd, state);
    else if (fstatSync(fd).size > 0) ownOpen(fd, origin, file);
  } finally {
    closeDescriptor(fd);
  }
}
