import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { vectorInputs, vectorNames } from '../support/vector-inputs.mjs';
import { startChromium } from './chromium.ts';
import { builtPage, contextOf, fill, type Given, outcome } from './verify-page.ts';

/** Every vector through the page: the report of the command line that was given the same files. */

let browser: Browser;
let built: Awaited<ReturnType<typeof builtPage>>;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-vectors-'));
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
});
afterAll(async () => {
  await browser.close();
  built.remove();
  rmSync(folder, { recursive: true });
});

/** The arguments of a command line as what an auditor gives to the page. */
function givenOf(args: readonly string[], cwd: string): Given & { readonly now: string } {
  const paths = args.slice(
    0,
    args.findIndex((one) => one.startsWith('--')),
  );
  const after = (flag: string): string[] => args.flatMap((one, at) => (one === flag ? [args[at + 1] ?? ''] : []));
  const inFolder = (names: readonly string[]): string[] => names.map((name) => join(cwd, name));
  const [origin] = after('--origin');
  const [maxBytes] = after('--max-bytes');
  const [now = ''] = after('--now');
  const beside = readdirSync(cwd).filter((file) => file.endsWith('.manifest.json'));
  return {
    logs: inFolder([...paths, ...beside]),
    publicKeys: inFolder(after('--public-key')),
    ...(after('--policy').length > 0 && { policy: inFolder(after('--policy')) }),
    ...(after('--since').length > 0 && { known: inFolder(after('--since')) }),
    ...(origin !== undefined && { origin }),
    ...(args.includes('--live') && { live: true }),
    ...(args.includes('--part') && { part: true }),
    ...(maxBytes !== undefined && { maxBytes }),
    now,
  };
}

/** Where the auditor has a key from, and why no key service can be asked, is told in other words by either. */
function withoutPlaces(report: unknown): unknown {
  const why = /^(the key service could not check a checkpoint) \(.*$/;
  return JSON.parse(
    JSON.stringify(report, (name, value: unknown) => {
      if (name === 'givenBy') return undefined;
      return name === 'message' && typeof value === 'string' ? value.replace(why, '$1') : value;
    }),
  );
}

it('every vector gets the report of the command line', async () => {
  const { context, requests } = await contextOf(browser);
  const page = await context.newPage();
  const verdicts = new Map<string, number>();
  for (const name of vectorNames()) {
    const cwd = join(folder, name);
    const { args, expected } = vectorInputs(name, cwd, { dataKeys: false });
    const given = givenOf(args, cwd);
    await page.clock.setFixedTime(new Date(given.now));
    await fill(page, built.url, given);
    const { report, problem } = await outcome(page);
    const command = await inFolder(cwd, () =>
      runCommand(['verify', ...args, '--format', 'json', '--html', 'report.html']),
    );
    expect(problem, `${name}: ${command.stderr}`).toBeUndefined();
    const told = JSON.parse(Buffer.from(command.stdout, 'latin1').toString('utf8')) as { verdict: string };
    expect(withoutPlaces(report), name).toEqual(withoutPlaces(told));
    if (expected !== undefined) expect(told.verdict, name).toBe(['ok', 'tampered', 'undecided'][expected]);
    verdicts.set(told.verdict, (verdicts.get(told.verdict) ?? 0) + 1);
  }
  expect(requests).toEqual([]);
  for (const verdict of ['ok', 'tampered', 'undecided']) expect(verdicts.get(verdict), verdict).toBeGreaterThan(20);
}, 900_000);

/** The command line takes paths from the working directory, and the report has them as they were given. */
async function inFolder<T>(cwd: string, act: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    return await act();
  } finally {
    process.chdir(before);
  }
}
