import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

/** Everything that a writer puts into its pipe; `pace`: milliseconds between two reads of at most 8 KiB. */
async function collect(writer: ChildProcess, chunks: Buffer[], pace: number): Promise<void> {
  const { stdout } = writer;
  if (stdout === null) throw new Error('no pipe');
  for (;;) {
    const chunk = stdout.read(Math.min(8192, stdout.readableLength || 8192)) as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      if (pace > 0) await delay(pace);
    } else if (stdout.readableEnded || stdout.destroyed) return;
    else await Promise.race([once(stdout, 'readable'), once(stdout, 'end')]);
  }
}

function start(stateDir: string): ChildProcess {
  const command = [join(built.directory, 'dist/cli/main.js'), 'seal', '--out', '-', '--origin', origin];
  return spawn(process.execPath, [...command, '--state-dir', stateDir, '--quiet'], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

async function feedAndKill(writer: ChildProcess, chunks: Buffer[], pace: number, after: number): Promise<void> {
  const { stdin } = writer;
  stdin?.on('error', () => undefined);
  const feeding = setInterval(() => stdin?.write('{"msg":"a line of the application"}\n'.repeat(200)), 5);
  const ended = once(writer, 'exit');
  const collected = collect(writer, chunks, pace);
  while (chunks.length === 0 && writer.exitCode === null) await delay(1);
  await delay(after);
  writer.kill('SIGKILL');
  await ended;
  clearInterval(feeding);
  await collected;
}

it.each([
  { what: 'at once', pace: 0, from: 0, to: 30 },
  { what: 'while the collector does not keep up', pace: 15, from: 600, to: 1_500 },
])('a writer that is killed $what is never called tampered with', async ({ pace, from, to }) => {
  const verdicts: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const directory = mkdtempSync(join(root, 'round-'));
    const chunks: Buffer[] = [];
    for (let kill = 0; kill < 2; kill++) {
      const seen = chunks.length;
      const own: Buffer[] = [];
      await feedAndKill(start(join(directory, 'state')), own, pace, from + Math.random() * (to - from));
      chunks.push(...own);
      expect(chunks.length).toBeGreaterThan(seen);
    }
    const last = start(join(directory, 'state'));
    const own: Buffer[] = [];
    const collected = collect(last, own, 0);
    last.stdin?.end('{"msg":"the last line"}\n');
    await collected;
    const log = join(directory, 'collected.jsonl');
    writeFileSync(log, Buffer.concat([...chunks, ...own]));
    const { code, stdout } = await built.run(['verify', log, '--origin', origin, '--key-env', 'FAPILOG_TAMPER_KEY'], {
      env,
    });
    expect(code, stdout).not.toBe(1);
    verdicts.push(code ?? -1);
  }
  expect(verdicts).toHaveLength(ROUNDS);
});
