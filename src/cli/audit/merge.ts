import { TamperError } from '../../index.ts';
import { mergeAudits, type PartLines, readLines } from '../../internal.ts';
import type { Call, CommandIo } from '../command.ts';
import type { FlagSet, FlagValues } from '../flags.ts';
import { auditOutputs, checkOutputs, type OutputFlags, outputFlags } from './outputs.ts';

/** `fapilog-tamper audit merge` */

/** Prints the results of all parts of one audit together. @returns the exit code */
export async function merge(
  files: readonly string[],
  {
    flags,
    config,
  }: Pick<Call<FlagSet>, 'config'> & {
    readonly flags: FlagValues<OutputFlags> & Readonly<Record<string, unknown>>;
  },
  io: CommandIo,
): Promise<number> {
  refuseFlags({ ...flags, ...config });
  await checkOutputs(flags, files);
  const { results, summary } = await mergeAudits(files.map(linesOf));
  const outputs = auditOutputs(flags, [{ what: 'Outputs of all parts', value: files.join(', ') }], io);
  for (const result of results) await outputs.result(result);
  return outputs.summary(summary, { endedAt: Date.parse(summary.time) });
}

/** The parts were audited with them. */
function refuseFlags(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(outputFlags, name)) continue;
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new TamperError('USAGE', `audit merge takes the outputs of an audit, and no ${name}`, {
      hint: 'Run: fapilog-tamper audit --help',
    });
  }
}

function linesOf(path: string): PartLines {
  const hint = 'Name the files that audit --format json was written to, one for each part.';
  return { name: path, lines: readLines(path, hint) };
}
