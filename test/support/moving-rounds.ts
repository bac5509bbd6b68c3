import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { VerifyReport } from '../../src/index.ts';
import { workplace } from '../seal/workplace.ts';
import { runCommand } from './command-line.ts';

/** A log that another process writes, whose files it closes as fast as it can, read again and again meanwhile. */

const ORIGIN = 'audit.example.com/moving';
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What is done to a log while it is read. */
export interface MovingRounds {
  readonly rounds: number;
  /** Whether closed files are compressed. */
  readonly compressed: boolean;
  /** So many closed files are kept, more than three rounds close; absent: all. */
  readonly keep?: number;
}

/** What came of it. */
export interface MovingResult {
  /** How often a command ended with which code. */
  readonly codes: Readonly<Record<string, number>>;
  /** What was said where it was not 0. */
  readonly said: readonly string[];
  /** So many files were closed. */
  readonly closed: number;
}

/** Files that are closed before the first round. */
const BEGINNING = 3;
/** Files that are closed in one round: more than a look at a directory lasts. */
const SHARE = 12;

/** Runs the rounds: verify and cat by turns. */
export async function movingRounds({ rounds, compressed, keep }: MovingRounds): Promise<MovingResult> {
  const { directory } = workplace();
  const log = join(directory, 'log');
  mkdirSync(log);
  const key = join(directory, 'audit.key');
  const note = join(directory, 'held');
  writeFileSync(key, 'ab'.repeat(32), { mode: 0o600 });
  const file = join(log, 'audit.jsonl');
  const options = {
    file,
    stateDir: join(directory, 'state'),
    origin: ORIGIN,
    keySource: 'file',
    keyFilePath: key,
    keyId: 'audit',
  };
  const writer = startWriter({ ...options, compressRotated: compressed, heartbeatSeconds: 600 }, keep);
  onTestFinished(() => void writer.kill('SIGKILL'));
  let closed = 0;
  writer.stdout.on('data', (bytes: Buffer) => {
    closed += bytes.length;
  });
  const codes: Record<string, number> = {};
  const said: string[] = [];
  const flags = [log, '--live', '--origin', ORIGIN, '--keys', key];
  let held: string[] = [];
  let asked = BEGINNING;
  for (let round = 0; round < rounds; round++) {
    // however slow it is: what is held stays among the files that are kept
    while (closed < asked) await once(writer.stdout, 'data');
    writer.stdin.write('.');
    asked += SHARE;
    while (closed < asked - SHARE + 2) await once(writer.stdout, 'data');
    const command = round % 2 === 1 ? ['cat', '--verified'] : ['verify', '--format', 'json'];
    const { code, stdout, stderr } = await runCommand([...command, ...flags, ...held]);
    const name = `${command[0]} ${code}`;
    codes[name] = (codes[name] ?? 0) + 1;
    if (code !== 0) said.push(`round ${round}: ${name} ${command[0] === 'cat' ? '' : stdout}${stderr}`);
    else if (keep !== undefined && command[0] === 'verify') {
      // where a beginning is deleted, a later checkpoint proves the rest
      const report = JSON.parse(Buffer.from(stdout, 'latin1').toString()) as VerifyReport;
      writeFileSync(note, report.streams[0]?.checkpoint ?? '');
      held = ['--since', note];
    }
  }
  writer.stdin.end();
  await once(writer, 'close');
  return { codes, said, closed };
}

function startWriter(options: object, keep: number | undefined): ChildProcessByStdio<Writable, Readable, null> {
  const program = [pathOf('rotating-writer.mjs'), pathOf('../../src/index.ts'), JSON.stringify(options), String(SHARE)];
  const counts = [String(BEGINNING), ...(keep === undefined ? [] : [String(keep)])];
  const argv = ['--import', pathOf('../child/typescript.mjs'), ...program, ...counts];
  return spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
}
