import { existsSync, fstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { readError } from '../../foundation/regular-file.ts';
import type { StreamState } from '../disk/state-record.ts';
import { lastKnownEntry, openForRecovery, openKnown, ownOpen, successorIn, whereItIs } from './recovery.ts';
import { checkNextFile, newestFile } from './stream-site.ts';

/**
 * Whether a start could go on, as far as can be told without changing anything.
 *
 * @param named - the state of the stream, if it has one
 * @returns without a state: the stream that its newest file says that it goes on as
 * @throws {@link TamperError} `STATE_CONFLICT`, `READ_FAILED`, `UNSAFE_PATH`
 */
export function checkResumable(named: StreamState | undefined, origin: string, file: string): string | undefined {
  const state = named && whereItIs(named);
  if (state !== undefined && state.base !== file) checkNextFile(file, state);
  const newest = state === undefined ? newestHere(file, origin) : file;
  const fd = state === undefined ? openForRecovery(newest) : openKnown(state);
  if (fd === undefined) return undefined;
  try {
    if (state !== undefined) lastKnownEntry(fd, state);
    else if (fstatSync(fd).size > 0) return successorIn(fd, ownOpen(fd, origin, newest), newest);
    return undefined;
  } finally {
    closeDescriptor(fd);
  }
}

/** The newest file of a stream without a state; without a directory to look into, the one that is configured. */
function newestHere(file: string, origin: string): string {
  const directory = dirname(file);
  if (!existsSync(directory)) return file;
  try {
    return newestFile(file, origin);
  } catch (error) {
    throw readError(directory, error, 'Check the path, and that you may read it.');
  }
}
