import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { kinds, type Put } from './putting.ts';

/**
 * Whatever stands in the place of a path of any command, the command ends with a code of its own, and what a link leads to is as it
 * was. The places are those of the help of the commands and of the documented options, so that a new one is tried without being named.
 */

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** A command that waits in the kernel says nothing any more: the process that tries it is ended then. */
const SILENT_MS = 60_000;

async function tried(kind: string): Promise<Put[]> {
  const argv = ['--import', here('../child/typescript.mjs'), here('putting.ts'), kind];
  const child = spawn(process.execPath, argv, {
    cwd: here('../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], FAPILOG_TAMPER_ENGINE: 'typescript' },
  });
  let text = '';
  const watch = setTimeout(() => child.kill('SIGKILL'), SILENT_MS);
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    watch.refresh();
  });
  await once(child, 'close');
  clearTimeout(watch);
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Put); // biome-ignore format: a chain
}

it.each(Object.keys(kinds))('a %s in the place of every path', { timeout: 600_000 }, async (kind) => {
  const lines = await tried(kind);
  const ended = lines.filter(({ code }) => code !== undefined);
  const begun = lines.filter(({ code }) => code === undefined);
  console.info(`${kind}: ${ended.length} places`);
  expect(ended.map(({ place }) => place)).toEqual(begun.map(({ place }) => place));
  expect(ended.length).toBeGreaterThan(100);
  for (const { place, code, text, touched } of ended) {
    expect.soft([0, 1, 2, 64], `${place}: ${text}`).toContain(code);
    expect.soft(text, place).not.toContain('INTERNAL');
    expect.soft(touched, `${place}: ${text}`).toBe(false);
  }
});
