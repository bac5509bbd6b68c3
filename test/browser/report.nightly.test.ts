import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { vectorNames } from '../support/vector-reports.ts';
import { startChromium } from './chromium.ts';
import { checkShown } from './shown-report.ts';
import { openWindow } from './window.ts';

let browser: Browser;
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'report-browser-'));
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

it('the report of every vector has no serious finding of axe-core, asks for nothing and fits a narrow screen', async () => {
  const names = vectorNames();
  expect(names.length).toBeGreaterThan(200);
  const { page, trouble, close } = await openWindow(browser);
  for (const name of names) await checkShown(page, folder, name);
  expect(trouble).toEqual([]);
  await close();
});
