import type { ResolvedConfig } from '../../index.ts';
import { waitingLines, waitingText } from '../../internal.ts';
import type { CommandIo } from '../command.ts';
import { print, printable } from '../output.ts';

/** How many lines of audited streams wait in the state directory of this configuration: they stand in no log, so no verdict speaks of them. */
export type KeptLines = (streams: Iterable<string>) => Promise<number>;

/** Counts them, and says it on standard error where it is not what was said before. */
export function keptLines(config: ResolvedConfig, quiet: boolean, io: CommandIo): KeptLines {
  let said = '';
  return async (streams) => {
    const logs = Array.from(streams, (origin) => ({ origin, files: [config.file] }));
    const waiting = waitingLines(config, logs);
    const text = waiting === undefined ? '' : `note: ${printable(waitingText(waiting))}\n`;
    if (text !== said && text !== '' && !quiet) await print(io.stderr, text);
    said = text;
    return waiting?.lines ?? 0;
  };
}
