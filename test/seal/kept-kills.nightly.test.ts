import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { recordOf } from '../support/sealed-lines.ts';

const KILLS = Number(process.env['KILLS'] ?? 100);
const LINES = 300;
const program = fileURLToPath(new URL('../support/application.mjs', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'kept-kills-'));
let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
  writeFileSync(join(root, 'key'), randomBytes(32), { mode: 0o600 });
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true, force: true });
});

/** Runs a process; with `kill` it is killed so many milliseconds after it has begun. */
async function run(task: object, kill?: number): Promise<void> {
  const text = JSON.stringify({
    library: join(built.directory, 'dist/index.js'),
    key: 'ok',
    lines: 0,
    ...task,
    options: {
      file: join(root, 'audit-{instance}.jsonl'),
      origin: 'audit.example.com/kept/{instance}',
      stateDir: join(root, 'state'),
      keySource: 'file',
      keyFilePath: join(root, 'key'),
      checkpointMaxRecords: 20,
    },
  });
  const child = spawn(process.execPath, [program, text], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.resume();
  const ended = once(child, 'close');
  if (kill !== undefined) {
    await Promise.race([once(child.stdout, 'data'), ended]);
    setTimeout(() => child.kill('SIGKILL'), kill);
  }
  await ended;
}

const kept = (): string[] => readdirSync(join(root, 'state')).filter((name) => /\.unsealed-.*\d$/.test(name));

/** The number of each record in every log. */
function sealed(): number[] {
  return readdirSync(root)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(root, name), 'latin1').split('\n'))
    .filter((line) => recordOf(Buffer.from(line, 'latin1')) !== undefined)
    .map((line) => Number(/^\{"n":(\d+),/.exec(line)?.[1]));
}

it(`every kept line is sealed once after ${KILLS} SIGKILLs of starts under names of their own`, async () => {
  const everKept = new Set<number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const first = kill * LINES;
    if (kill % 4 === 0) {
      await run({ key: 'away', end: 'exit', lines: LINES, first });
      for (let n = first; n < first + LINES; n++) everKept.add(n);
      expect(kept().length).toBeGreaterThan(0);
    }
    await run({ end: 'stay' }, Math.random() * 80);
  }
  // a lock that was being made when its process was killed says nothing of whose it is: it is believed for a minute
  for (const until = Date.now() + 90_000; kept().length > 0 && Date.now() < until; ) await run({ end: 'close' });
  expect(kept()).toEqual([]);
  const numbers = sealed();
  expect(numbers.length - new Set(numbers).size).toBe(0);
  const found = new Set(numbers);
  expect([...everKept].filter((n) => !found.has(n))).toEqual([]);
});
