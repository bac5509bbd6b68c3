import { tmpdir } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { bytesOfStream } from '../../src/cli/input/input-bytes.ts';
import { run } from '../../src/cli/run.ts';

/** What a command line gave. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  /** Pieces come when they come. */
  readonly input?: string | Buffer | AsyncIterable<Buffer>;
  /** Whether standard input, output and error are a terminal. Default false. */
  readonly terminal?: boolean;
}

/** Runs a command line in this process. */
export async function runCommand(
  argv: readonly string[],
  { env = {}, input = '', terminal = false }: Given = {},
): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString('latin1');
        done();
      },
    });
  const isWhole = typeof input === 'string' || Buffer.isBuffer(input);
  const pieces = (): Readable =>
    Object.assign(Readable.from(isWhole ? [Buffer.from(input)] : input), { isTTY: terminal });
  const io = {
    stdin: pieces,
    inputBytes: () => bytesOfStream(pieces()),
    stdout: Object.assign(into('stdout'), { isTTY: terminal }),
    stderr: Object.assign(into('stderr'), { isTTY: terminal }),
    env,
    stopped: async () => new Promise<void>(() => undefined),
    onHangUp: () => () => undefined,
  };
  const code = await run(argv, io, async () => '0.0.0');
  return { code, ...written };
}

/** Of the environment that tests run in; the others are of whoever runs them. */
const KEPT = new Set(['PATH', 'TMPDIR', 'FAPILOG_TAMPER_ENGINE']);
let before: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process as a process of its own would run it: in a working directory, with an environment, and
 * with outputs as text; one after the other. A process takes ten times as long; what a test asks of one, such as its signals,
 * its end or several at once, needs `buildPackage`.
 */
export async function runHere(
  argv: readonly string[],
  options: Given & {
    /** Default: the temporary directory. */
    readonly cwd?: string;
  } = {},
): Promise<CommandResult> {
  const mine = before.then(() => inPlace(options.cwd ?? tmpdir(), options.env ?? {}, () => runCommand(argv, options)));
  before = mine.catch(() => undefined); // told to whoever runs it
  const { code, stdout, stderr } = await mine;
  const asText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');
  return { code, stdout: asText(stdout), stderr: asText(stderr) };
}

async function inPlace<T>(cwd: string, env: Readonly<Record<string, string>>, act: () => Promise<T>): Promise<T> {
  const [place, variables] = [process.cwd(), { ...process.env }];
  for (const name of Object.keys(variables)) if (!KEPT.has(name)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  try {
    return await act();
  } finally {
    process.chdir(place);
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, variables);
  }
}
