import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isFileOf, STDOUT } from '../disk/names.ts';

/** What a replacement of a file of ours is called until it is whole, after the file's name. */
const BESIDE_STATE = /^(?:\.chainstate\.\d+-[0-9a-f]{8}-\d+|\.lock\.[0-9a-f]{16})\.tmp$/;
const BESIDE_LOG = /(?:\.manifest\.json\.\d+-\d+|\.gz)\.tmp$/;

/**
 * Removes what a killed writer of this stream had begun and not finished. Nothing but our own exact names goes.
 *
 * @param base - the configured path of the log
 * @param states - the stream's state files
 */
export function removeLeftovers(base: string, states: readonly string[]): void {
  for (const state of new Set(states)) {
    const prefix = basename(state, '.chainstate');
    for (const name of readdirSync(dirname(state))) {
      if (name.startsWith(prefix) && BESIDE_STATE.test(name.slice(prefix.length))) rmSync(join(dirname(state), name));
    }
  }
  if (base === STDOUT) return;
  for (const name of readdirSync(dirname(base))) {
    const of = name.replace(BESIDE_LOG, '');
    if (of !== name && isFileOf(base, join(dirname(base), of))) rmSync(join(dirname(base), name));
  }
}
