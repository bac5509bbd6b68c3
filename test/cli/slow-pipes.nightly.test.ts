import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

/**
 * A log that goes to a pipe, and a reader who does not keep up: every line gets there, or is kept. While such a reader is
 * waited for nothing but a timer of ours is left in the process, which must not end for that.
 */

const origin = 'example.com/slow';
const KEY = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const LIMITS = { FAPILOG_TAMPER_MAX_PENDING_BYTES: '65536', FAPILOG_TAMPER_MAX_LINE_BYTES: '65536' };
/** It sleeps for longer than the end of a log waits for a sink that takes nothing. */
const SLEEPER = '(sleep 2; cat)';
/** It reads nothing before the writer has ended. */
const LATE = '(until test -e code; do sleep 0.1; done; cat)';
let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

interface Piped {
  readonly directory: string;
  readonly stdin: NodeJS.WritableStream;
  /** Sends a signal to the writer. */
  signal(name: string): void;
  /** Exit code of the writer, what it said, and the record lines that the reader got. */
  readonly ended: Promise<{ code: number; stderr: string; lines: number }>;
}

/** Runs a program of Node whose standard output is a pipe to a reader of the shell, which writes to a file. */
function piped(program: string, argv: readonly string[], reader: string): Piped {
  const directory = mkdtempSync(join(tmpdir(), 'slow-pipes-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const script = `( sh -c 'echo $$ > pid; exec "$@"' sh "$@"; echo $? > code ) 2> stderr | ${reader} > out`;
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, join(built.directory, program), ...argv], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...KEY, ...LIMITS },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.on('error', () => undefined); // the writer need not read all of it
  const text = (name: string): string => readFileSync(join(directory, name), 'latin1');
  return {
    directory,
    stdin: child.stdin,
    signal: (name) => process.kill(Number(text('pid')), name),
    ended: once(child, 'close').then(() => ({
      code: Number(text('code')),
      stderr: text('stderr'),
      lines: text('out').match(/^\{"n":\d+,.*"auth"|^\{"n":\d+,.*"mac"/gm)?.length ?? 0,
    })),
  };
}

/** How many lines the files in the state directory hold. */
function kept(directory: string): number {
  const state = join(directory, '.fapilog-chainstate');
  return readdirSync(state)
    .filter((name) => name.includes('.unsealed-'))
    .reduce((sum, name) => sum + readFileSync(join(state, name), 'latin1').split('\n').length - 1, 0);
}

/** Until the writer has begun its log, and has read what it can: it sleeps, and reads no more. */
async function waits(directory: string): Promise<void> {
  for (let before: string | undefined; ; ) {
    await delay(1_000);
    const now = existsSync(join(directory, '.fapilog-chainstate')) ? readSoFar(directory) : undefined;
    if (now !== undefined && now === before) return;
    before = now;
  }
}

/** How many bytes the writer has read of anything; undefined while it is busy. */
function readSoFar(directory: string): string | undefined {
  const process = join('/proc', readFileSync(join(directory, 'pid'), 'latin1').trim());
  const isAsleep = /^State:\s+S/m.test(readFileSync(join(process, 'status'), 'latin1'));
  return isAsleep ? /^rchar: (\d+)$/m.exec(readFileSync(join(process, 'io'), 'latin1'))?.[1] : undefined;
}

const input = (count: number): string =>
  Array.from({ length: count }, (_, n) => `{"n":${n},"pad":"${'x'.repeat(250)}"}\n`).join('');

async function verdict(directory: string): Promise<number | null> {
  const { code } = await built.run(['verify', 'out', '--origin', origin], { cwd: directory, env: KEY });
  return code;
}

describe('seal, with a slow reader', () => {
  const argv = ['seal', '--quiet', '--out', '-', '--origin', origin];

  it.each([
    ['more than may wait', 20_000],
    ['less than the log gathers', 500],
  ])('seals every line of %s', async (_name, count) => {
    const { directory, stdin, ended } = piped('dist/cli/main.js', argv, SLEEPER);
    stdin.end(input(count));
    expect(await ended).toEqual({ code: 0, stderr: '', lines: count });
    expect(await verdict(directory)).toBe(0);
  });

  it('ends at a signal though nobody reads, and keeps what it has taken', async () => {
    const { directory, stdin, signal, ended } = piped('dist/cli/main.js', argv, LATE);
    stdin.write(input(300)); // more than the pipe holds, less than is read while it is full
    await waits(directory);
    signal('SIGTERM');
    stdin.end();
    const { code, lines } = await ended;
    expect(code).toBe(2);
    expect(lines).toBeLessThan(300);
    expect(lines + kept(directory)).toBe(300);
  });
});

describe('an application that awaits, with a slow reader', () => {
  const program = (body: string): string =>
    writeProgram(
      built,
      `waits-${Math.random()}.mjs`,
      `import { once } from 'node:events';
      import { createSealer } from './dist/index.js';
      const sealer = createSealer({ file: '-', origin: '${origin}' });
      ${body}
      await sealer.close();`,
    );
  const write = (wait: string): string =>
    `for (let n = 0; n < 5_000; n++) if (!sealer.write(\`{"n":\${n},"pad":"${'x'.repeat(250)}"}\`)) ${wait};`;

  it.each([
    ['drain', write(`await once(sealer, 'drain')`)],
    ['flush', write('await sealer.flush()')],
    ['drain, and flush at the end', `${write(`await once(sealer, 'drain')`)} await sealer.flush();`],
  ])('goes on until it gets its %s', async (_name, body) => {
    const { directory, stdin, ended } = piped(program(body), [], SLEEPER);
    stdin.end();
    const { code, stderr, lines } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(lines).toBe(5_000);
    expect(await verdict(directory)).toBe(0);
  });

  it('is not kept from ending by what nobody awaits: what waits is kept', async () => {
    const { directory, stdin, ended } = piped(
      program(`await sealer.ready; ${write('break')} process.exit(0);`),
      [],
      LATE,
    );
    stdin.end();
    const { code, lines } = await ended;
    expect(code).toBe(0);
    expect(lines).toBeGreaterThan(0);
    expect(kept(directory)).toBeGreaterThan(0);
  });
});
