import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { CANARY, doors, type Hostile } from './asking.ts';

/**
 * Every door whose address a person names, asked of a party that answers in every wrong way. What that takes is bounded in
 * memory, what is said names the party and no credential, no redirect is followed, and the asker goes on.
 */

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Above rest, in MB, for all ways that are tried at once. */
const MOST_MB = 64;
/** No turn of the event loop takes longer than so many times what this machine takes for a known piece of work. */
const MOST_TURN = 8;

interface Outcome {
  readonly results: readonly { readonly way: string; readonly text: string; readonly ms: number }[];
  readonly followed: readonly string[];
  readonly peakMb: number;
  /** The longest turn of the event loop, in milliseconds of the processor, and what a known piece of work took there. */
  readonly blockMs: number;
  readonly controlMs: number;
}

let server: ChildProcess;
let hostile: Hostile;
beforeAll(async () => {
  server = spawn(process.execPath, [here('hostile-server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(server.stdout ?? expect.fail('no output')), 'line');
  hostile = JSON.parse(String(line));
});
afterAll(async () => {
  const ended = once(server, 'exit');
  server.stdin?.end();
  await ended;
});

async function ask(door: string): Promise<Outcome> {
  const argv = ['--expose-gc', '--import', here('../child/typescript.mjs'), here('asking.ts'), door];
  const child = spawn(process.execPath, [...argv, JSON.stringify(hostile)], {
    cwd: here('../..'),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], FAPILOG_TAMPER_ENGINE: 'typescript' },
  });
  const ended = once(child, 'close'); // what it said is read by then
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (complaint = `${complaint}${part}`.slice(-4_000)));
  const [code] = await ended;
  if (code !== 0) throw new Error(`the asker ended with ${code}: ${complaint}`);
  return JSON.parse(text) as Outcome;
}

/** What no door may take for an answer. */
const isAnswer = /\bOK\b|^taken$|^a key$|cosigned|existed at/;
/** A webhook reads the status alone: these say 200. */
const statusAlone = new Set(['webhook', 'anchor-http']);

// side by side: most of them wait for a limit of time
describe.concurrent.each(Object.keys(doors))('%s', (door) => {
  it('is bounded whatever answers', async ({ expect }: TestContext) => {
    const { results, followed, peakMb, blockMs, controlMs } = await ask(door);
    console.info(
      `${door}: ${results.length} ways, ${peakMb} MB above rest, longest turn ${blockMs} ms, ${controlMs} ms for a known piece of work`,
    );
    const ways = Object.keys(hostile.ports[door] ?? {});
    expect(results.map(({ way }) => way).sort()).toEqual([...(ways.length > 0 ? ways : hostile.ways)].sort());
    expect(followed).toEqual([]);
    expect(peakMb).toBeLessThan(MOST_MB);
    expect(blockMs).toBeLessThan(MOST_TURN * controlMs);
    for (const { way, text } of results) {
      expect.soft(text, `${way} repeats a secret`).not.toContain(CANARY);
      expect.soft(text, way).not.toMatch(/code: 'INTERNAL'|tamper: INTERNAL|^thrown/);
      if (!statusAlone.has(door)) expect.soft(text, way).not.toMatch(isAnswer);
      if (door.startsWith('anchor')) expect.soft(text, way).toMatch(/could not be asked.*|sealed [1-9]/);
    }
  });
});
