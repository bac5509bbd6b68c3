import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { kindNames, kinds } from './odd-kinds.ts';
import type { Put } from './putting.ts';

/** Rounds of `putting.ts`, and what must have come of each place. */

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** A command that waits in the kernel says nothing any more: the process that tries it is ended then. */
const SILENT_MS = 300_000;
/** Above what the same command takes with what works, in MB. */
const MOST_MB = 64;
const KEPT = Object.fromEntries(['PATH', 'TMPDIR', 'FAPILOG_TEST_CASES'].map((name) => [name, process.env[name]]));
/** Root reads what it may not read, but for this: permissions bind everybody else. */
const BOUND = process.geteuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : ['env'];

/**
 * A mount that does not answer holds the whole process up in these, by the place of the call. The writer's own files and its state
 * (`seal`), whose writes are synchronous by design; a configuration, once, before anything runs; what `verify` looks at shortly,
 * since a directory may hold a hundred thousand files (`sources`, `moved-files`) and locks what it knows (`known-lock`); `doctor`
 * and `recover`, which do nothing else (`check-places`).
 */
const MAY_BLOCK =
  /in src\/(?:seal\/\S+|config\/file|verify\/input\/sources|verify\/found\/moved-files|verify\/auditor\/known-lock|check-places)\.ts/;

/** So many rounds; which one comes first the commit decides, so that nobody chooses it. */
export function rounds(count: number): number[] {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: here('.'), encoding: 'utf8' });
  const first = Number.parseInt(stdout.slice(0, 8), 16) || 0; // what was unpacked has no commit
  return Array.from({ length: count }, (_, at) => (first + at) % kindNames.length);
}

/** Puts an odd file in every place, and looks at what came of it. @returns how many places there were */
export async function expectOwnEnds(round: number, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const lines = await putAll(round, env);
  const ended = lines.filter(({ code }) => code !== undefined);
  const begun = lines.filter(({ code }) => code === undefined);
  expect(ended.map(({ place }) => place)).toEqual(begun.map(({ place }) => place));
  for (const put of ended) expectOwnEnd(put);
  return ended.length;
}

async function putAll(round: number, env: Readonly<Record<string, string>>): Promise<Put[]> {
  const [program = '', ...rest] = BOUND;
  const argv = ['--expose-gc', '--import', here('../child/typescript.mjs'), here('putting.ts'), String(round)];
  const child = spawn(program, [...rest, process.execPath, ...argv], {
    cwd: here('../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...KEPT, FAPILOG_TAMPER_ENGINE: 'typescript', ...env },
  });
  let text = '';
  const watch = setTimeout(() => child.kill('SIGKILL'), SILENT_MS);
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    watch.refresh();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(watch);
  expect.soft(code, 'the process that tries them did not end').toBe(0);
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Put); // biome-ignore format: a chain
}

function expectOwnEnd({
  place,
  kind,
  code,
  text = '',
  touched,
  named,
  calls = [],
  blocking = [],
  aboveMb = 0,
}: Put): void {
  const what = `${kind}: ${place}: ${text}`;
  const isDead = kinds[kind]?.isDead === true;
  expect.soft([0, 1, 2, 64, ...(isDead ? ['waits'] : [])], what).toContain(code);
  expect.soft(text, what).not.toContain('INTERNAL');
  expect.soft(touched, what).toBe(false);
  // a place that no command looks at is no place
  const isReached = calls.length > 0 || place.endsWith('in a directory'); // what is no file is passed over with its directory
  expect.soft(isReached, `${what}: nothing looked at it`).toBe(true);
  expect.soft(aboveMb, what).toBeLessThanOrEqual(MOST_MB);
  if (kinds[kind]?.isUnreadable === true && code !== 0) expect.soft(named, what).toBe(true);
  // a path that is given and leads to nothing ends the command, which names it
  const isGone =
    place.endsWith('named') && (kind === 'link to nothing' || kind === 'file that is removed once it is open');
  if (place.includes('tampered with') && code !== 'waits') {
    expect.soft(isGone ? [1, 2] : [1], what).toContain(code);
    if (code === 2) expect.soft(named, what).toBe(true);
  }
  expect.soft(blocking.filter((call) => !MAY_BLOCK.test(call)), what).toEqual([]); // biome-ignore format: one line
}
