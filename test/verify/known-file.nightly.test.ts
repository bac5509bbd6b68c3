import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** M8.27: verifiers in processes of their own, in a loop on one file of known checkpoints, while their logs grow. */

const ROUNDS = 200;
let built: BuiltPackage;
let directory = '';
beforeAll(async () => {
  built = await buildPackage();
  directory = mkdtempSync(join(tmpdir(), 'known-loop-'));
});
afterAll(() => {
  built.remove();
  rmSync(directory, { recursive: true });
});

/** Verifies a growing log from a round on; before and after each it looks whether the file went back. */
const program = `
import { readFileSync, existsSync } from 'node:fs';
import { auditorKeys, verify } from './dist/index.js';
const [known, log, origin, vkey, from, rounds] = process.argv.slice(2);
const bytes = readFileSync(log);
const ends = JSON.parse(readFileSync(log + '.ends', 'utf8'));
const { Readable } = await import('node:stream');
const { writeFileSync } = await import('node:fs');
const seen = new Map();
function look() {
  if (!existsSync(known)) return;
  for (const [name, { first, newest }] of Object.entries(JSON.parse(readFileSync(known, 'utf8')).streams)) {
    const size = Number(newest.split('\\n')[1]);
    const before = seen.get(name);
    if (before !== undefined && (before.size > size || before.first !== first)) throw new Error(name + ' went back to ' + size);
    seen.set(name, { first, size });
  }
}
for (let round = Number(from); round < Number(rounds); round++) {
  look();
  const path = log + '.part';
  writeFileSync(path, bytes.subarray(0, ends[round].bytes));
  const report = await verify({ paths: [path], origin, keys: auditorKeys({ publicKeys: [vkey] }), known });
  look();
  if (report.verdict !== 'ok') throw new Error('round ' + round + ': ' + JSON.stringify(report.findings));
  const size = seen.get(origin)?.size ?? 0;
  if (size < ends[round].size) throw new Error('round ' + round + ' was lost: ' + size);
  console.log(round);
}
`;

/** A log of so many runs, and where each ends. */
function growingLog(origin: string): string {
  const path = join(directory, `${origin.replace('/', '-')}.jsonl`);
  const log = new SealedLog(origin);
  const ends: { bytes: number; size: number }[] = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const lines = log.lines.length;
    log
      .open(signKeys, round === 0 ? {} : { why: 'resumed' })
      .seal()
      .checkpoint()
      .record(`{"n":${round}}`)
      .close()
      .checkpoint();
    for (const line of log.lines.slice(lines)) bytes += line.bytes.length + 1;
    ends.push({ bytes, size: log.size });
  }
  writeFileSync(path, log.toFiles()[0]?.bytes ?? Buffer.alloc(0));
  writeFileSync(`${path}.ends`, JSON.stringify(ends));
  return path;
}

/** Runs the loop; with \`killEvery\` the process is killed after so many rounds and goes on where it was. */
async function loop(origin: string, known: string, killEvery?: number): Promise<number> {
  const file = writeProgram(built, `loop-${origin.replace('/', '-')}.mjs`, program);
  const log = growingLog(origin);
  let kills = 0;
  for (let from = 0; from < ROUNDS; ) {
    const args = [join(built.directory, file), known, log, origin, vkeyOf(origin, edKey), String(from), String(ROUNDS)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let done = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      from = Number(line) + 1;
      if (++done !== killEvery) continue;
      // somewhere in the next round, which takes some milliseconds
      setTimeout(() => child.kill('SIGKILL'), kills % 40);
      kills++;
    }
    const code = await ended;
    expect([code, complaint]).toEqual([code === null ? null : 0, '']);
  }
  return kills;
}

it('never goes back in 200 rounds of two verifiers, nor of a third that is killed again and again', async () => {
  const known = join(directory, 'known.json');
  const [, , kills] = await Promise.all([loop('o/a', known), loop('o/b', known), loop('o/c', known, 12)]);
  expect(kills).toBeGreaterThan(10);
  const { streams } = JSON.parse(readFileSync(known, 'utf8')) as { streams: Record<string, { newest: string }> };
  const sizes = Object.values(streams).map(({ newest }) => newest.split('\n')[1]);
  expect(sizes).toEqual(Array(3).fill(String(ROUNDS * 4)));
  expect(readdirSync(directory).filter((name) => name.endsWith('.lock'))).toEqual([]);
}, 600_000);
