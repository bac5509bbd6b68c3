import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

/**
 * What a process that is ended without being asked may lose, as docs/when-things-fail.md says it: with `flush_every: line`
 * nothing that `write()` has returned from; with `turn` nothing of an earlier turn of the event loop.
 */
const keyService = fileURLToPath(new URL('../support/key-service.mjs', import.meta.url));
const KILLS = Number(process.env['KILLS'] ?? 100);
const ROUNDS = Math.ceil(KILLS / 8);
const root = mkdtempSync(join(tmpdir(), 'kill-bound-'));
let built: BuiltPackage;
let program = '';
const library = (): string => join(built.directory, 'dist/index.js');

/** Writes lines, and says on standard output, by a call of the system, up to which one they must be there by now. */
const WRITER = `
import { writeSync } from 'node:fs';
import { createSealer } from './dist/index.js';
const [directory, flushEvery, first, keyProviderModule] = process.argv.slice(2);
const away = process.env.KEY_SERVICE === 'away';
const sealer = createSealer({
  file: directory + '/audit.jsonl', stateDir: directory + '/state', origin: 'audit.example.com/bound',
  keySource: 'custom', keyProviderModule, keyId: 'audit', flushEvery, checkpointMaxRecords: 500,
});
sealer.on('warning', () => undefined);
if (!away) await sealer.flush();
const say = (n) => writeSync(1, n + '\\n');
let n = Number(first);
say(n);
for (;;) {
  for (let burst = 1 + Math.floor(Math.random() * 400); burst > 0; burst--) {
    sealer.write(JSON.stringify({ n: n++, pad: 'x'.repeat(n % 300) }));
    if (flushEvery === 'line') say(n);
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (away) await new Promise((resolve) => setTimeout(resolve, 5));
  if (flushEvery === 'turn' && sealer.stats.pendingBytes === 0) say(n);
}
`;

beforeAll(async () => {
  built = await buildPackage();
  program = join(built.directory, writeProgram(built, 'writer.mjs', WRITER));
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true, force: true });
});

/** @returns up to which line all must be there */
async function runAndKill(
  directory: string,
  flushEvery: string,
  first: number,
  signal: NodeJS.Signals,
  key: 'ok' | 'away',
): Promise<number> {
  const child = spawn(process.execPath, [program, directory, flushEvery, String(first), keyService], {
    env: { ...process.env, LIBRARY: library(), KEY_FILE: join(directory, 'key'), KEY_SERVICE: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    said = (said + text).slice(-100);
  });
  const ended = once(child, 'close');
  const tooEarly = ended.then(() => expect.unreachable('it ended by itself'));
  const lastSaid = (): number => Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
  // one of them is let go on until it has promised something, however slow the machine is
  do await Promise.race([once(child.stdout, 'data'), tooEarly]);
  while (first === 0 && lastSaid() === first);
  setTimeout(() => child.kill(signal), Math.random() * (key === 'ok' ? 60 : 600));
  await ended;
  return lastSaid();
}

const ways = (['ok', 'away'] as const).flatMap((key) =>
  (['line', 'turn'] as const).flatMap((flushEvery) =>
    (['SIGKILL', 'SIGTERM'] as const).map((signal) => ({ key, flushEvery, signal })),
  ),
);

it.each(ways)(`keeps what it says after ${ROUNDS} ends: $flushEvery, $signal, key service $key`, async (way) => {
  const { key, flushEvery, signal } = way;
  const directory = join(root, `${key}-${flushEvery}-${signal}`);
  mkdirSync(directory);
  writeFileSync(join(directory, 'key'), randomBytes(32), { mode: 0o600 });
  const due: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const first = round * 10_000_000;
    due.push([first, await runAndKill(directory, flushEvery, first, signal, key)]);
  }
  if (key === 'away') await runAndKill(directory, flushEvery, ROUNDS * 10_000_000, signal, 'ok'); // its start seals them
  const text = readFileSync(join(directory, 'audit.jsonl'), 'latin1');
  const found = [...text.matchAll(/^\{"n":(\d+),/gm)].map((match) => Number(match[1]));
  const written = new Set(found);
  expect(found.length).toBe(written.size);
  expect(found).toEqual([...found].sort((one, other) => one - other));
  for (const [first, to] of due) {
    expect(to).toBeGreaterThanOrEqual(first);
    const missing = Array.from({ length: to - first }, (_, at) => first + at).filter((n) => !written.has(n));
    expect(missing).toEqual([]);
  }
  expect(due.some(([first, to]) => to > first)).toBe(true);
  if (key === 'ok') expect(text.match(/"why":"recovered"/g)).toHaveLength(ROUNDS - 1);
});
