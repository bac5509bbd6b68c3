import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamResult } from '../../src/index.ts';
import { rotatedLog } from '../support/fleet.ts';

/** Auditing processes that are killed, and two at once on one memory. */

const program = fileURLToPath(new URL('auditing-process.mjs', import.meta.url));
const typescript = fileURLToPath(new URL('../child/typescript.mjs', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'killed-audits-'));
  mkdirSync(join(folder, 'logs'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function ship(stream: number, files: number): void {
  const logs = join(folder, 'logs', `s${stream}`);
  mkdirSync(logs, { recursive: true });
  for (const { name, bytes } of rotatedLog(`fleet/s${stream}`, files).toFiles()) {
    if (!readdirSync(logs).includes(name)) writeFileSync(join(logs, name), bytes);
  }
}

interface Run {
  /** Complete lines. */
  readonly lines: readonly string[];
  readonly killed: boolean;
}

/** Runs an audit; `killAfter`: so many streams are printed first. */
async function run(memory = 'memory', killAfter?: number): Promise<Run> {
  const child = spawn(process.execPath, ['--import', typescript, program, join(folder, 'logs'), join(folder, memory)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
    if (killAfter !== undefined && output.split('\n').length > killAfter) child.kill('SIGKILL');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0 && killAfter === undefined) throw new Error(`the audit ended with ${code}`);
  return { lines: output.split('\n').slice(0, -1), killed: code === null };
}

const resultsOf = ({ lines }: Run): StreamResult[] =>
  lines.slice(0, -1).map((line) => JSON.parse(line) as StreamResult);

/** What is remembered, without when it was checked and what a directory says of its files. */
function remembered(memory: string): string[] {
  return readdirSync(join(folder, memory))
    .map((id) => {
      const newest = readdirSync(join(folder, memory, id))
        .filter((name) => name.endsWith('.json'))
        .sort()
        .at(-1);
      return readFileSync(join(folder, memory, id, newest ?? ''), 'utf8').replace(/"checked":"[^"]*"/, '');
    })
    .sort();
}

describe('an audit that is killed', () => {
  it('goes on where it was: in the end the same is remembered, and nothing that was finished is read again', async () => {
    const streams = 30;
    for (let stream = 0; stream < streams; stream++) ship(stream, 2);
    await run('whole');
    let finished = 0;
    for (const killAfter of [0, 1, 2, 5, 9, 14, 20, 26]) {
      const { lines } = await run('memory', killAfter); // to its end, with the summary, where it is faster than the kill
      finished = Math.max(finished, lines.filter((line) => line.startsWith('{"version":1,"stream":"')).length);
    }
    expect(finished).toBeGreaterThan(20);
    const last = resultsOf(await run('memory'));
    expect(last.every(({ verdict }) => verdict === 'ok')).toBe(true);
    expect(last.filter(({ result }) => result === 'unchanged').length).toBeGreaterThanOrEqual(finished);
    expect(remembered('memory')).toEqual(remembered('whole'));
  }, 300_000);

  it('fifty times two at once on one memory, one of them killed: the newest size never decreases', async () => {
    const sizes = (): number[] =>
      readdirSync(folder).includes('memory')
        ? remembered('memory').map((text) => Number(/"newest":"[^\\]+\\n(\d+)\\n/.exec(text)?.[1]))
        : [];
    for (let round = 1; round <= 50; round++) {
      for (let stream = 0; stream < 4; stream++) ship(stream, round);
      const before = sizes();
      const [one] = await Promise.all([run(), run('memory', round % 5)]);
      expect(resultsOf(one).map(({ stream, verdict }) => [stream, verdict])).toSatisfy((all: [string, string][]) =>
        all.every(([, verdict]) => verdict === 'ok'),
      );
      const after = sizes();
      expect(after).toEqual(Array.from({ length: 4 }, () => rotatedLog('fleet/s0', round).size));
      expect(before.every((size, at) => size <= (after[at] ?? 0))).toBe(true);
    }
  }, 600_000);
});
