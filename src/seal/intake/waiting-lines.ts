import { resolve } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { isTamperError, systemCode } from '../../errors.ts';
import { isOrigin } from '../../format/origin.ts';
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
 * @param origins - names of streams that the same configuration may have written; what is none is passed over
 * @param files - paths of their logs
 * @returns undefined if nothing waits, or the state directory cannot be read by this user
 */
export function waitingLines(
  config: ResolvedConfig,
  origins: readonly string[] = [],
  files: readonly string[] = [],
): WaitingLines | undefined {
  let [lines, lost] = [0, 0];
  const { stream } = resolveNames(config);
  try {
    for (const origin of new Set([config.origin, ...origins.filter(isOrigin)])) {
      for (const file of new Set([config.file, ...files])) {
        const found = new UnsealedLines({ ...config, origin, file }, stream).waiting();
        lines += found.lines;
        lost += found.lost;
      }
    }
  } catch (error) {
    if (systemCode(error) === '' && !isTamperError(error)) throw error;
    return undefined;
  }
  return lines + lost === 0 ? undefined : { directory: resolve(config.stateDir), lines, lost };
}

/** The same in words. */
export function waitingText({ lines, lost, directory }: WaitingLines): string {
  const wait = lines === 1 ? '1 line that could not be sealed waits' : `${lines} lines that could not be sealed wait`;
  return `${wait} in ${directory} for the next start${lost > 0 ? `, and ${lost} more were lost` : ''}`;
}
