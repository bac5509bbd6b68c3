import { Readable, Writable } from 'node:stream';
import { bytesOfStream } from '../../src/cli/input/input-bytes.ts';
import { run } from '../../src/cli/run.ts';

/** What a command line gave. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. */
export async function runCommand(
  argv: readonly string[],
  { env = {}, input = '' }: { readonly env?: Readonly<Record<string, string>>; readonly input?: string | Buffer } = {},
): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString('latin1');
        done();
      },
    });
  const io = {
    stdin: () => Readable.from([Buffer.from(input)]),
    inputBytes: () => bytesOfStream(Readable.from([Buffer.from(input)])),
    stdout: into('stdout'),
    stderr: into('stderr'),
    env,
    stopped: async () => new Promise<void>(() => undefined),
    onHangUp: () => () => undefined,
  };
  const code = await run(argv, io, async () => '0.0.0');
  return { code, ...written };
}
