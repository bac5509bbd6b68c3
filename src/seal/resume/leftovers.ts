import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isFileOf, STDOUT, type StreamFiles } from '../disk/names.ts';

/** What a replacement of a file of ours is called until it is whole, after the file's name. */
const BESIDE_STATE = /^(?:\.chainstate\.\d+-[0-9a-f]{8}-\d+|\.lock\.[0-9a-f]{16})\.tmp$/;
const BESIDE_LOG = /(?:\.manifest\.json\.\d+-\d+|\.gz)\.tmp$/;

/**
 * Removes what a killed writer of this stream had begun and not finished. Nothing but our own exact names goes.
 *
 * @param base - the configured path of the log
 * @param streams - the stream's, and of the one that continues it
 */
export function removeLeftovers(base: string, streams: readonly StreamFiles[]): void {
  for (const prefix of new Set(streams.map((files) => files.prefix))) {
    const stream = basename(prefix);
    for (const name of readdirSync(dirname(prefix))) {
      if (name.startsWith(stream) && BESIDE_STATE.test(name.slice(stream.length))) rmSync(join(dirname(prefix), name));
    }
  }
  if (base === STDOUT) return;
  for (const name of readdirSync(dirname(base))) {
    const of = name.replace(BESIDE_LOG, '');
    if (of !== name && isFileOf(base, join(dirname(base), of))) rmSync(join(dirname(base), name));
  }
}
