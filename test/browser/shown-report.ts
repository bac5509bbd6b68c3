import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { renderReport } from '../../src/report/html/render-report.ts';
import type { VerifyReport } from '../../src/verify/verdict/report.ts';
import { vectorReport } from '../support/vector-reports.ts';
import { accessibilityFindings } from './accessibility.ts';

const about = {
  version: '1.2.3',
  checkedAt: '2026-11-26T05:00:00.000Z',
  given: [{ what: 'Public keys', value: 'signer.pub' }],
};
/** The narrowest screen that WCAG 2.2 asks for (1.4.10). */
const NARROW = 320;

/** Opens a report as a file of this folder. */
export async function show(page: Page, folder: string, name: string, report: VerifyReport): Promise<void> {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, renderReport(report, about));
  await page.goto(pathToFileURL(path).href);
}

/** Looks at the report of a vector as axe-core does, in light and dark, and on a narrow screen. */
export async function checkShown(page: Page, folder: string, name: string): Promise<void> {
  await show(page, folder, name, await vectorReport(name));
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await accessibilityFindings(page), `${name}, light`).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await accessibilityFindings(page, ['color-contrast']), `${name}, dark`).toEqual([]);
  await page.setViewportSize({ width: NARROW, height: 800 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(NARROW);
  await page.setViewportSize({ width: 1280, height: 800 });
}
