import { TamperError } from '../../errors.ts';
import { mergeAudits, type PartLines, readLines } from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { auditOutputs, checkOutputs, outputFlags } from './outputs.ts';

/** `fapilog-tamper audit merge` */
export const merge: Command = command(
  {
    usage: 'FILE… [--html FILE] [--metrics FILE] [--format text|json]',
    examples: ['% part-0.ndjson part-1.ndjson', '% part-*.ndjson --html report.html --metrics audit.prom'],
    about: [
      'Combines the results of all parts of one audit (--shard). Each FILE is the output of audit --format json for one part. Exit codes are those of audit.',
    ],
    flags: outputFlags,
    takesConfig: false,
  },
  async ({ flags, positionals: files }, io) => {
    if (files.length === 0)
      throw new TamperError('USAGE', 'name the outputs of all parts: audit merge FILE…', { hint });
    await checkOutputs(flags, files);
    const { results, summary } = await mergeAudits(files.map(linesOf));
    const outputs = auditOutputs(flags, [{ what: 'Outputs of all parts', value: files.join(', ') }], io);
    for (const result of results) await outputs.result(result);
    return outputs.summary(summary, { endedAt: Date.parse(summary.time) });
  },
);

const hint = 'Name the files that audit --format json was written to, one for each part.';

function linesOf(path: string): PartLines {
  return { name: path, lines: readLines(path, hint) };
}
