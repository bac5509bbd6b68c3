import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accessibilityFindings } from './accessibility.ts';
import { startChromium } from './chromium.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const dist = `${root}site/.vitepress/dist/`;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

let browser: Browser;
let server: Server;
let address = '';
let pages: string[] = [];

beforeAll(async () => {
  const env = { ...process.env, SITE_BASE: '/' };
  await promisify(execFile)(process.execPath, ['scripts/build/site.mjs'], { cwd: root, env });
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  // Pages that typedoc made are all alike: some of them.
  pages = files
    .filter((file) => file.endsWith('.html') && file !== '404.html')
    .filter((file, index) => !file.startsWith('api/') || file.endsWith('index.html') || index % 10 === 0);
  expect(pages.length).toBeGreaterThan(80);
  server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://site').pathname).slice(1);
    const file = [path, `${path}.html`, `${path}index.html`].find((one) => files.includes(one) && extname(one) !== '');
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? '' }).end(readFileSync(dist + file));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await startChromium();
}, 600_000);

afterAll(async () => {
  await browser.close();
  server.close();
});

/** A window of the site, and what went wrong in it or left this machine. */
async function openSite(options: BrowserContextOptions): Promise<{ page: Page; trouble: string[] }> {
  const page = await (await browser.newContext(options)).newPage();
  const trouble: string[] = [];
  page.on('console', (message) => trouble.push(`${page.url()}: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`${page.url()}: ${error.message}`));
  page.on('request', (request) => {
    if (!/^data:/.test(request.url()) && !request.url().startsWith(`${address}/`)) trouble.push(request.url());
  });
  page.on('response', (response) => {
    if (response.status() >= 400) trouble.push(`${response.status()} ${response.url()}`);
  });
  return { page, trouble };
}

it.each([
  ['on a screen, light', { viewport: { width: 1400, height: 900 }, colorScheme: 'light' }],
  ['on a phone, dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true }],
] as const)(
  'the pages of the site %s: no error, nothing serious by axe-core, nothing wider, nothing from elsewhere',
  async (_name, options) => {
    const { page, trouble } = await openSite(options);
    for (const file of pages) {
      await page.goto(`${address}/${file}`);
      for (const finding of await accessibilityFindings(page)) trouble.push(`${file}: ${finding}`);
      const wider = await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
      if (wider > 0) trouble.push(`${file} is ${wider} pixels wider than its window`);
    }
    expect(trouble).toEqual([]);
  },
  900_000,
);

it('the search finds a code, without a server of its own, nothing serious by axe-core', async () => {
  const { page, trouble } = await openSite({ viewport: { width: 1400, height: 900 } });
  await page.goto(`${address}/start.html`, { waitUntil: 'networkidle' });
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('searchbox').fill('STATE_CONFLICT');
  await page.locator('.result').first().waitFor();
  const found = await page.locator('.result').evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''));
  expect(found.some((href) => href.startsWith('/errors.html'))).toBe(true);
  trouble.push(...(await accessibilityFindings(page)));
  expect(trouble).toEqual([]);
});
