import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TamperError } from '../../src/errors.ts';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { workplace } from '../seal/workplace.ts';
import { runCommand } from '../support/command-line.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { signedLog } from '../vectors/logs.ts';

/** What may stand where a file should be. Nothing of it is waited for, followed or written to. */
const odd: Readonly<Record<string, (path: string, directory: string) => unknown>> = {
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a socket': async (path) => {
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
  },
  'a directory': (path) => mkdirSync(path),
  'a link to a device': (path) => symlinkSync('/dev/zero', path),
  "a link to somebody's file": (path, directory) => {
    writeFileSync(join(directory, 'victim'), 'mine\n');
    symlinkSync(join(directory, 'victim'), path);
  },
  'a link to itself': (path) => symlinkSync(path, path),
  'a link to nothing': (path, directory) => symlinkSync(join(directory, 'victim'), path),
  'a link to the log': (path, directory) => symlinkSync(join(directory, 'audit.jsonl'), path),
};

/** The file that a link led to is as it was, or still not there. */
function expectUntouched(directory: string): void {
  const victim = join(directory, 'victim');
  if (existsSync(victim)) expect(readFileSync(victim, 'utf8')).toBe('mine\n');
}

describe.each(Object.entries(odd))('%s', (_, put) => {
  it('in the place of an anchor stops a start, and holds nothing up', async () => {
    const { directory, options } = workplace();
    await put(join(directory, 'anchor'), directory);
    let stopped: unknown;
    try {
      const sealer = createSealer({ ...options(), anchors: [join(directory, 'anchor')] });
      await sealer.close();
    } catch (error) {
      stopped = error;
    }
    expect(stopped).toMatchObject({ code: 'UNSAFE_PATH', message: expect.stringContaining('anchor') });
    expectUntouched(directory);
  });

  it('that takes the place of an anchor during the run is a warning', async () => {
    const { directory, options } = workplace();
    const sealer = createSealer({ ...options(), anchors: [join(directory, 'anchor')] });
    const warned = new Promise<Error>((resolve) => sealer.on('warning', resolve));
    await sealer.ready;
    await put(join(directory, 'anchor'), directory);
    sealer.write('{"n":1}');
    await sealer.close();
    expect((await warned).message).toMatch(/anchor.*did not accept a checkpoint: .*(link|regular)/);
    expectUntouched(directory);
  });

  it('in the place of the file of a witness is refused before the witness is asked', async () => {
    const { directory } = workplace();
    const log = join(directory, 'signed.jsonl');
    writeFileSync(
      log,
      Buffer.concat(
        signedLog()
          .toFiles()
          .map(({ bytes }) => bytes),
      ),
    );
    await put(join(directory, 'out'), directory);
    const { vkey } = witnessKey('witness.example.com/w1');
    const flags = ['--origin', signedLog().origin, '--url', 'http://127.0.0.1:9', '--witness', vkey];
    const { code, stderr } = await runCommand(['witness', log, ...flags, '--out', join(directory, 'out')]);
    expect(code).toBe(2);
    expect(stderr).toContain('UNSAFE_PATH');
    expectUntouched(directory);
  });
});

/** Runs a sealer for one line. @returns its warnings */
async function logged(options: SealerOptions): Promise<TamperError[]> {
  const warnings: TamperError[] = [];
  const sealer = createSealer(options).on('warning', (warning) => warnings.push(warning as TamperError));
  sealer.write('{"n":1}');
  await sealer.close();
  return warnings;
}

it('reads an anchor that is larger than memory for it in pieces, junk included', async () => {
  const { directory, options } = workplace();
  const anchors = [join(directory, 'anchor')];
  await logged({ ...options(), anchors });
  appendFileSync(anchors[0] as string, `${'x'.repeat(5_000_000)}\n\n\0\n`);
  expect(await logged({ ...options(), anchors })).toEqual([]);
  expect(readFileSync(anchors[0] as string, 'latin1').slice(5_000_000)).toContain('checkpoint');
});

it.each([
  ['a data key', 'q'.repeat(43)],
  ['a key without a line end in many bytes', 'q'.repeat(3_000_000)],
  ['a page of text', 'kind: policy\nsigners:\n'],
  ['an empty line', '\n'],
  ['zeros', '\0'.repeat(100_000)],
])('%s in the place of an anchor is left as it is, and told', async (_, text) => {
  const { directory, options } = workplace();
  const anchors = [join(directory, 'mine')];
  writeFileSync(anchors[0] as string, text);
  const warnings = await logged({ ...options(), anchors });
  expect(warnings.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/mine did not accept a checkpoint: UNSAFE_PATH: it does not begin with a checkpoint/),
  );
  expect(readFileSync(anchors[0] as string, 'utf8')).toBe(text);
});

it('the log itself as its own anchor gets no checkpoint from it', async () => {
  const { file, options } = workplace();
  const warnings = await logged({ ...options(), anchors: [file] });
  expect(warnings.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('it does not begin with a checkpoint'),
  );
  expect(await logged(options())).toEqual([]);
});

it.each(['', 'junk\n', '{}\n', '\0'.repeat(100_000)])(
  'an anchor that was made %j, and had checkpoints of the log, is told of at the start',
  async (text) => {
    const { directory, options } = workplace();
    const anchors = [join(directory, 'anchor')];
    await logged({ ...options(), anchors });
    writeFileSync(anchors[0] as string, text);
    const [warning] = await logged({ ...options(), anchors });
    expect(warning).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('it has no checkpoint of this log'),
    });
  },
);
