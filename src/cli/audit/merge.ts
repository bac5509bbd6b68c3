import { open } from 'node:fs/promises';
import { systemCode } from '../../errors.ts';
import { TamperError } from '../../index.ts';
import { mergeAudits, type PartLines } from '../../internal.ts';
import type { Call, CommandIo } from '../command.ts';
import type { FlagSet } from '../flags.ts';
import { exitOf, printer, type Shown } from './printer.ts';

/** `fapilog-tamper audit merge` */

/** Prints the results of all parts of one audit together. @returns the exit code */
export async function merge(
  files: readonly string[],
  { flags, config }: Pick<Call<FlagSet>, 'config'> & { readonly flags: Shown & Readonly<Record<string, unknown>> },
  io: CommandIo,
): Promise<number> {
  refuseFlags({ ...flags, ...config });
  const { results, summary } = await mergeAudits(files.map(linesOf));
  const show = printer(flags, io);
  for (const result of results) await show.result(result);
  await show.summary(summary);
  return exitOf[summary.verdict];
}

/** The parts were audited with them. */
function refuseFlags(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (name === 'format' || name === 'quiet' || name === 'verbose') continue;
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new TamperError('USAGE', `audit merge takes the outputs of an audit, and no ${name}`, {
      hint: 'Run: fapilog-tamper audit --help',
    });
  }
}

function linesOf(path: string): PartLines {
  return { name: path, lines: readLines(path) };
}

async function* readLines(path: string): AsyncGenerator<string> {
  try {
    const file = await open(path, 'r');
    yield* file.readLines();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === '') throw cause;
    throw new TamperError(code === 'ENOENT' ? 'NOT_FOUND' : 'READ_FAILED', `${path} cannot be read (${code})`, {
      cause,
      hint: 'Name the files that audit --format json was written to, one for each part.',
    });
  }
}
