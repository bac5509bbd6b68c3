import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { TamperError } from '../../errors.ts';
import { syncDirectory } from '../../foundation/durable-replace.ts';
import type { Lease } from './lock.ts';
import { manifestPath, numberOf, STDOUT } from './names.ts';
import { type Sink, systemCode } from './sink.ts';
import { FileSink } from './sink-file.ts';
import type { StateFile } from './state.ts';
import type { StreamState } from './state-record.ts';

/**
 * M6.3: the state knows which file it is before a line is in it, so that no start begins the same entries again once somebody
 * has taken the file away.
 *
 * @returns the state, durable
 * @throws {@link TamperError} `WRITE_FAILED`; `LOCKED` where another writer may have taken over
 */
export function beginIn(sink: Sink, state: StreamState, stateFile: StateFile): StreamState {
  const known = numbered(sink, state);
  if (known !== state) stateFile.replaceSync(known);
  return known;
}

/** A state of a file's beginning, with the numbers of the file. @throws {@link TamperError} `WRITE_FAILED` */
export function numbered(sink: Sink, state: StreamState): StreamState {
  if (state.offset > 0 || sink.name === STDOUT || state.begun?.file === sink.inode) return state;
  try {
    syncDirectory(dirname(sink.name)); // else a power cut takes the file and leaves the state
    return { ...state, begun: { directory: numberOf(dirname(sink.name)), file: sink.inode } };
  } catch (cause) {
    throw new TamperError(
      'WRITE_FAILED',
      `the name of ${sink.name} could not be brought to the disk (${systemCode(cause)})`,
      {
        cause,
        hint: 'The directory of the log must be readable, writable and not full.',
      },
    );
  }
}

/** The next file of a log. */
export interface NextFileOptions {
  readonly lease: Lease;
  /** The file that it follows. */
  readonly after: Sink;
  /** Names the next file. */
  readonly state: StreamState;
  readonly stateFile: StateFile;
}

/**
 * Makes the next file of a log.
 *
 * @throws as {@link FileSink} and {@link beginIn} do
 */
export function beginFile({ lease, after, state, stateFile }: NextFileOptions): { sink: FileSink; state: StreamState } {
  const sink = new FileSink(state.file, { lease, after });
  try {
    rmSync(manifestPath(sink.name), { force: true }); // of a file that had this name before (spec 7)
    return { sink, state: beginIn(sink, state, stateFile) };
  } catch (error) {
    sink.close();
    throw error;
  }
}
