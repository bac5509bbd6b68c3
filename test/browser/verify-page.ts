import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { buildOffline } from '../../scripts/build/offline/build.mjs';

/** The built page in a browser, used as an auditor would. */

/** What is given to the page. Paths are of files on the disk. */
export interface Given {
  readonly logs: readonly string[];
  readonly publicKeys?: readonly string[];
  readonly policy?: readonly string[];
  readonly known?: readonly string[];
  readonly origin?: string;
  readonly live?: boolean;
  readonly part?: boolean;
  readonly maxBytes?: string;
}

/** Builds the page into a folder of its own. */
export async function builtPage(): Promise<{ readonly url: string; readonly path: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-page-'));
  await buildOffline(folder);
  const path = join(folder, 'verify.html');
  return { url: pathToFileURL(path).href, path, remove: () => rmSync(folder, { recursive: true }) };
}

/** A new context that holds the clock at `now`, and notes every request but the page itself. */
export async function contextOf(browser: Browser): Promise<{ context: BrowserContext; requests: string[] }> {
  const context = await browser.newContext({ acceptDownloads: true });
  const requests: string[] = [];
  context.on('request', (request) => {
    if (!/^(file|blob|data):/.test(request.url())) requests.push(request.url());
  });
  return { context, requests };
}

/** Opens the page anew and fills it in. */
export async function fill(page: Page, url: string, given: Given): Promise<void> {
  await page.goto(url);
  await page.setInputFiles('#logs', [...given.logs]);
  const more = [given.policy, given.known, given.live, given.part, given.maxBytes].some((one) => one !== undefined);
  if (more) await page.evaluate("document.getElementById('more').open = true");
  for (const zone of ['publicKeys', 'policy', 'known'] as const) {
    const files = given[zone] ?? [];
    if (files.length > 0) await page.setInputFiles(`#${zone}`, [...files]);
  }
  if (given.origin !== undefined) await page.fill('#origin', given.origin);
  if (given.live === true) await page.check('#live');
  if (given.part === true) await page.check('#part');
  if (given.maxBytes !== undefined) await page.fill('#maxBytes', given.maxBytes);
}

/** Presses Verify and waits for what comes of it: the report that is saved, or the words of the problem. */
export async function outcome(page: Page): Promise<{ readonly report?: unknown; readonly problem?: string }> {
  await page.click('#verify');
  await page.waitForSelector('#result:not([hidden])', { timeout: 300_000 });
  const problem = await page.$('.problem');
  if (problem !== null) return { problem: (await problem.textContent()) ?? '' };
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Save the report as JSON')]);
  return { report: JSON.parse(readFileSync(await download.path(), 'utf8')) as unknown };
}
