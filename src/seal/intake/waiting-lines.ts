import { existsSync, fstatSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ResolvedConfig } from '../../config/index.ts';
import { isTamperError, systemCode } from '../../errors.ts';
import { closeDescriptor } from '../../foundation/descriptor.ts';
import { countEnds } from '../stream/pending-lines.ts';
import { filesIn, openKept, prefixOf } from './unsealed-lines.ts';

const LF = 0x0a;

/** Where lines wait that no process has sealed yet, and how many. */
export interface WaitingLines {
  readonly directory: string;
  readonly lines: number;
  readonly lost: number;
}

/** A stream that is looked at, and its files. */
interface Looked {
  readonly origin: string;
  readonly files: readonly string[];
}

/**
 * What earlier writers of a configuration kept for the next start, for whoever looks at the log: it is not sealed, so nothing
 * proves it, and no verdict depends on it.
 *
 * @param logs - what the same configuration may have written
 * @returns undefined if nothing waits, or the state directory cannot be read by this user
 */
export function waitingLines(config: ResolvedConfig, logs: readonly Looked[] = []): WaitingLines | undefined {
  const { origin, file } = config;
  const named = logs.flatMap((log) => log.files.map((path) => ({ origin: log.origin, file: path })));
  const configured = named.map((one) => ({ origin, file: one.file }));
  const directory = resolve(config.stateDir);
  try {
    const { lines, lost } = waitingIn(directory, [{ origin, file }, ...configured, ...named]);
    return lines + lost === 0 ? undefined : { directory, lines, lost };
  } catch (error) {
    if (systemCode(error) === '' && !isTamperError(error)) throw error;
    return undefined;
  }
}

/** The same in words. */
export function waitingText({ lines, lost, directory }: WaitingLines): string {
  const wait = lines === 1 ? '1 line that could not be sealed waits' : `${lines} lines that could not be sealed wait`;
  return `${wait} in ${directory} for the next start${lost > 0 ? `, and ${lost} more were lost` : ''}`;
}

/** How many lines wait for the next start of these configurations, and how many more its gaps will count. Nothing is changed, or made. */
function waitingIn(
  directory: string,
  configurations: Iterable<Pick<ResolvedConfig, 'origin' | 'file'>>,
): { readonly lines: number; readonly lost: number } {
  let [lines, lost] = [0, 0];
  if (!existsSync(directory)) return { lines, lost };
  const kept = filesIn(directory);
  if (kept.length === 0) return { lines, lost };
  const prefixes = new Set(Array.from(configurations, prefixOf));
  for (const file of kept) {
    if (!prefixes.has(file.name.slice(0, file.name.indexOf('.')))) continue;
    lost += file.lost;
    const fd = openKept(join(directory, file.name));
    try {
      lines += wholeLines(fd, fstatSync(fd).size).lines;
    } finally {
      closeDescriptor(fd);
    }
  }
  return { lines, lost };
}

/** How many whole lines a file holds, and where the last of them ends. */
export function wholeLines(fd: number, size: number): { lines: number; end: number } {
  const chunk = Buffer.allocUnsafe(65_536);
  let lines = 0;
  let end = 0;
  for (let from = 0; from < size; ) {
    const part = chunk.subarray(0, readSync(fd, chunk, 0, chunk.length, from));
    if (part.length === 0) break;
    lines += countEnds(part);
    const lf = part.lastIndexOf(LF);
    if (lf >= 0) end = from + lf + 1;
    from += part.length;
  }
  return { lines, end };
}
