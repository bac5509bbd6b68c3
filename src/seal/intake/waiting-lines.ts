import { resolve } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { isTamperError, systemCode } from '../../errors.ts';
import { resolveNames } from '../disk/names.ts';
import { UnsealedLines } from './unsealed-lines.ts';

/** Where lines wait that no process has sealed yet, and how many. */
export interface WaitingLines {
  readonly directory: string;
  readonly lines: number;
  readonly lost: number;
}

/**
 * What earlier writers of a configuration kept for the next start, for whoever looks at the log: it is not sealed, so nothing
 * proves it, and no verdict depends on it.
 *
 * @param files - paths of logs that the same configuration may have written
 * @returns undefined if nothing waits, or the state directory cannot be read by this user
 */
export function waitingLines(config: ResolvedConfig, files: readonly string[] = []): WaitingLines | undefined {
  let [lines, lost] = [0, 0];
  const { stream } = resolveNames(config);
  const all = new Set([config.file, ...files]);
  try {
    for (const file of all) {
      const found = new UnsealedLines({ ...config, file }, stream).waiting();
      lines += found.lines;
      lost += found.lost;
    }
  } catch (error) {
    if (systemCode(error) === '' && !isTamperError(error)) throw error;
    return undefined;
  }
  return lines + lost === 0 ? undefined : { directory: resolve(config.stateDir), lines, lost };
}
