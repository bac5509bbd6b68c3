import { originalLines, TamperError, verify as verifyLogs } from '../index.ts';
import type { Command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { printable, writeAll } from './output.ts';
import { verify } from './verify.ts';
import { verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';

const LF = Buffer.from('\n');
const BATCH = 256 * 1024;

/** `fapilog-tamper cat` */
export const cat: Command = {
  usage: 'PATH…|- [--verified …]',
  help: `
Gives the application's own lines back, byte for byte, each with LF. Lines that were never sealed are left out and said so.

  --verified   verify first, with the flags of verify; prints nothing unless the verdict is ok`,
  flags: { ...verify.flags, verified: { type: 'boolean' } },
  takesConfig: true,

  async run(flags, io) {
    const paths = flags.positionals;
    if (paths.length === 0) throw new TamperError('USAGE', 'name the files, or - for standard input');
    let lastSeq = Number.MAX_SAFE_INTEGER;
    if (flags.own['verified'] === true) {
      if (paths.includes('-')) throw new TamperError('USAGE', '--verified reads twice, which standard input cannot');
      const { options, keys } = await verifyRequest(flags, io);
      const report = await verifyLogs(options).finally(async () => keys.close());
      if (report.verdict !== 'ok') {
        await writeAll(io.stderr, verdictText(report, 'normal'));
        return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
      }
      if (report.streams.length !== 1) throw new TamperError('USAGE', 'cat --verified takes the files of one stream');
      lastSeq = report.streams[0]?.lastSeq ?? 0;
    }
    let batch: Buffer[] = [];
    let bytes = 0;
    let problems = 0;
    const flush = async (): Promise<void> => {
      const whole = Buffer.concat(batch);
      batch = [];
      bytes = 0;
      if (whole.length > 0) await writeAll(io.stdout, whole);
    };
    const notes: string[] = [];
    await originalLines({
      paths,
      input: io.stdin,
      lastSeq,
      onLine: (line) => {
        batch.push(Buffer.from(line), LF);
        bytes += line.length + 1;
        return bytes > BATCH ? flush() : undefined;
      },
      onProblem: (file, message) => {
        problems++;
        if (problems <= 20) notes.push(`${file}: ${message}`);
      },
    });
    await flush();
    if (problems > notes.length) notes.push(`and ${problems - notes.length} more`);
    for (const note of notes) await writeAll(io.stderr, `cat: ${printable(note)}\n`);
    return problems > 0 ? exitCode.undecided : exitCode.done;
  },
};
