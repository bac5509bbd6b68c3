import { TamperError } from '../errors.ts';
import { type IgnoredReport, type OnPiece, originalLines } from '../index.ts';
import { closing, shown, verifiedLinesWith } from '../internal.ts';
import { type Command, command } from './command.ts';
import { exitCode } from './exit-code.ts';
import { yes } from './flags.ts';
import { print, printable, tell } from './output.ts';
import { verifyFlags, verifyRequest } from './verify-request.ts';
import { verdictText } from './verify-text.ts';

const LF = Buffer.from('\n');
const BATCH = 256 * 1024;
const SHOWN_PROBLEMS = 20;

/** The reader of standard output has enough: the reading ends there. */
class ReaderGone extends Error {}

/** Gathers pieces of lines and prints them in large writes. */
class LinePrinter {
  readonly #write: (bytes: Uint8Array) => Promise<boolean>;
  #batch: Buffer[] = [];
  #bytes = 0;

  constructor(write: (bytes: Uint8Array) => Promise<boolean>) {
    this.#write = write;
  }

  readonly take: OnPiece = (piece, last) => {
    this.#batch.push(piece);
    if (last) this.#batch.push(LF);
    this.#bytes += piece.length + 1;
    return this.#bytes > BATCH ? this.flush() : undefined;
  };

  async flush(): Promise<void> {
    const whole = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#bytes = 0;
    if (whole.length > 0 && !(await this.#write(whole))) throw new ReaderGone();
  }
}

/** What is to be said of lines that are not given as they were written. */
class Problems {
  readonly #shown: string[] = [];
  #count = 0;

  add(message: string): void {
    this.#count++;
    if (this.#shown.length < SHOWN_PROBLEMS) this.#shown.push(message);
  }

  get any(): boolean {
    return this.#count > 0;
  }

  get text(): string {
    const more = this.#count - this.#shown.length;
    return [...this.#shown, ...(more > 0 ? [`and ${more} more`] : [])]
      .map((one) => `cat: ${printable(one)}\n`)
      .join('');
  }
}

function ignoredText({ files, more }: IgnoredReport): string {
  const count = files.length + more;
  const were = count === 1 ? '1 file that is not part of a log was' : `${count} files that are not part of a log were`;
  return count === 0 ? '' : `cat: ${were} left out (verify lists them)\n`;
}

/** `fapilog-tamper cat` */
export const cat: Command = command(
  {
    usage: 'PATH|LOCATION…|- [--verified …]',
    examples: [
      '% audit.jsonl | jq .msg',
      '% audit.jsonl --verified --origin audit.example.com/app --public-key audit.key.pub',
    ],
    about: [
      "Prints the application's own lines, byte for byte, each followed by LF. Lines that were never sealed are left out and reported on standard error.",
      'With --verified, the lines wait for the verdict in an unnamed temporary file in TMPDIR, which needs as much space as the decompressed log. All other flags are those of verify; except for --unwrap they apply only with --verified. --jobs has no effect.',
    ],
    flags: {
      verified: yes('verify first; print lines only if the verdict is ok, and only those up to the proven end'),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { flags, positionals: paths } = call;
    if (paths.length === 0) throw new TamperError('USAGE', 'name the files, or - for standard input');
    const printer = new LinePrinter((bytes) => print(io.stdout, bytes));
    const problems = new Problems();
    let notes = '';
    try {
      if (flags.verified) {
        const { options, close } = await verifyRequest(call, io);
        const verified = verifiedLinesWith({
          ...options,
          onPiece: printer.take,
          onProblem: (message) => problems.add(message),
          onUnproven: (size) => {
            notes = `cat: what comes after entry ${size} is not proven yet and is left out\n`;
          },
        });
        const report = await closing(verified, close);
        if (report.verdict !== 'ok') {
          await print(io.stderr, verdictText(report, 'normal'));
          return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
        }
        notes += ignoredText(report.ignored);
      } else {
        const { unwrap } = flags;
        const onProblem = (file: string, message: string): void => problems.add(`${shown(file)}: ${message}`);
        const ignored = await originalLines({
          paths,
          input: io.stdin(),
          onPiece: printer.take,
          onProblem,
          ...(unwrap !== undefined && { unwrap }),
        });
        notes += ignoredText(ignored);
      }
      await printer.flush();
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error;
    }
    await tell(io.stderr, problems.text + notes);
    return problems.any ? exitCode.undecided : exitCode.done;
  },
);
