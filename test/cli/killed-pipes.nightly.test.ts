import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

/**
 * A log on standard output whose collector outlives its writers, as a container runtime does: whatever a killed writer put into
 * the pipe is there, and the next writer goes on behind it. However early the kill, and however slow the collector, an honest
 * log is never called tampered with.
 */
const ROUNDS = Number(process.env['KILLED_PIPES'] ?? 10);
const origin = 'example.com/piped';
const env = { PATH: process.env['PATH'] ?? '', FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const root = mkdtempSync(join(tmpdir(), 'killed-pipes-'));
let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true });
});

/** Takes at most 8 KiB at a time from its standard input, and waits between. It ends where the pipe ends. */
const COLLECTOR = `
const fs = require('node:fs');
const bytes = Buffer.alloc(8192);
const cell = new Int32Array(new SharedArrayBuffer(4));
for (let n; (n = fs.readSync(0, bytes)) > 0; ) {
  fs.writeSync(1, bytes, 0, n);
  if (Number(process.argv[1]) > 0) Atomics.wait(cell, 0, 0, Number(process.argv[1]));
}
`;

interface Writer {
  readonly stdin: NodeJS.WritableStream;
  kill(): void;
  /** The writer and its collector have ended: what was in the pipe is in the file. */
  readonly over: Promise<unknown>;
}

/** A writer whose standard output is a pipe to a collector, which appends to a file. */
function start(directory: string, pace: number): Writer {
  const script = `sh -c 'echo $$ > pid; exec "$@"' sh "$@" 2>/dev/null | "$NODE" -e "$COLLECTOR" ${pace} >> collected.jsonl`;
  const seal = [join(built.directory, 'dist/cli/main.js'), 'seal', '--out', '-', '--origin', origin, '--quiet'];
  const command = [process.execPath, ...seal, '--state-dir', join(directory, 'state')];
  rmSync(join(directory, 'pid'), { force: true });
  const child = spawn('sh', ['-c', script, 'sh', ...command], {
    cwd: directory,
    env: { ...env, NODE: process.execPath, COLLECTOR },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.on('error', () => undefined);
  return {
    stdin: child.stdin,
    kill: () => process.kill(Number(readFileSync(join(directory, 'pid'), 'latin1')), 'SIGKILL'),
    over: once(child, 'close'),
  };
}

async function feedAndKill(directory: string, pace: number, after: number): Promise<void> {
  const collected = join(directory, 'collected.jsonl');
  const size = (): number => statSync(collected, { throwIfNoEntry: false })?.size ?? 0;
  const before = size();
  const writer = start(directory, pace);
  const feeding = setInterval(() => writer.stdin.write('{"msg":"a line of the application"}\n'.repeat(200)), 5);
  while (size() === before) await delay(1);
  await delay(after);
  writer.kill();
  await writer.over;
  clearInterval(feeding);
}

it.each([
  { what: 'at once', pace: 0, from: 0, to: 30 },
  { what: 'while the collector does not keep up', pace: 15, from: 600, to: 1_500 },
])('a writer that is killed $what is never called tampered with', async ({ pace, from, to }) => {
  const verdicts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const directory = mkdtempSync(join(root, 'round-'));
    for (let kill = 0; kill < 2; kill++) await feedAndKill(directory, pace, from + Math.random() * (to - from));
    const last = start(directory, 0);
    last.stdin.end('{"msg":"the last line"}\n');
    await last.over;
    const log = join(directory, 'collected.jsonl');
    const { code, stdout } = await built.run(['verify', log, '--origin', origin, '--key-env', 'FAPILOG_TAMPER_KEY'], {
      env,
    });
    expect(code, stdout).not.toBe(1);
    verdicts.push(code ?? -1);
  }
  expect(verdicts).toHaveLength(ROUNDS);
});
