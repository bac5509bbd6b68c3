import { TamperError } from '../errors.ts';
import { inspect as inspectFiles } from '../index.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { oneOf } from './flags.ts';
import { jsonText, print, printable } from './output.ts';
import { verifyFlags } from './verify-request.ts';

function many(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}

function noneOf(lines: number): string {
  if (lines === 0) return 'there is no line';
  return lines === 1 ? 'the only line was never sealed' : `none of the ${lines} lines was ever sealed`;
}

/** `fapilog-tamper inspect` */
export const inspect: Command = command(
  {
    usage: 'PATH|LOCATION…|- [--unwrap CARRIER] [--format text|json]',
    examples: ['% audit.jsonl', 'kubectl logs payments-0 | % - --format json'],
    about: [
      'Shows what is in sealed files: runs, key periods, gaps, closes. Nothing is verified: the output is only what the files say about themselves. Exit code 2: a file could not be opened, or none is a sealed log.',
    ],
    flags: { unwrap: verifyFlags.unwrap, format: oneOf(['text', 'json'], 'output format') },
    takesConfig: false,
  },
  async ({ flags: { format, unwrap }, positionals }, io) => {
    if (positionals.length === 0) throw new TamperError('USAGE', 'name the files, or - for standard input');
    const seen = await inspectFiles(positionals, io.stdin(), { unwrap });
    const isLog = seen.entries > 0 || seen.checkpoints > 0;
    const ended = seen.unopened === undefined && isLog ? exitCode.done : exitCode.undecided;
    if (format === 'json') {
      await print(io.stdout, `${jsonText(seen, 2)}\n`);
      return ended;
    }
    const newest =
      seen.newestCheckpoint === undefined ? 'none' : `newest of ${many(seen.newestCheckpoint, 'entry', 'entries')}`;
    const lines = [
      ...(isLog ? [] : [`no sealed log: ${noneOf(seen.foreignLines)}`]),
      `${many(seen.entries, 'entry', 'entries')}, ${many(seen.records, 'record')}${seen.erased === undefined ? '' : ` (${seen.erased} erased)`}, ${many(seen.checkpoints, 'checkpoint')} (${newest}), ${many(seen.foreignLines, 'other line')}`,
      ...seen.events.map(
        ({ file, line, seq, kind, time, detail }) => `${file}:${line}  seq ${seq}  ${time ?? ''}  ${kind}: ${detail}`,
      ),
      ...(seen.moreEvents > 0 ? [`(${seen.moreEvents} more between the first and the last are not shown)`] : []),
      ...seen.problems,
      '(none of this was verified)',
    ];
    await print(io.stdout, `${lines.map(printable).join('\n')}\n`);
    return ended;
  },
);
