import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vectorReport } from '../support/vector-reports.ts';
import { startChromium } from './chromium.ts';
import { checkShown, show } from './shown-report.ts';
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

describe('the report', () => {
  it.each(['valid-both', 'valid-continued', 'root-mismatch', 'foreign-line', 'key-not-named'])(
    'has no serious finding of axe-core in light and dark, asks for nothing, fits a narrow screen: %s',
    async (name) => {
      const { page, trouble, close } = await openWindow(browser);
      await checkShown(page, folder, name);
      expect(trouble).toEqual([]);
      await close();
    },
  );

  it('has its style without JavaScript, and shows all of it', async () => {
    const { page, trouble, close } = await openWindow(browser, { javaScriptEnabled: false });
    await show(page, folder, 'no-script', await vectorReport('root-mismatch'));
    expect(await page.locator('.report').evaluate((element) => getComputedStyle(element).maxWidth)).not.toBe('none');
    expect(await page.getByRole('heading', { level: 1 }).isVisible()).toBe(true);
    await page.getByText('The timeline as a table').click();
    expect(await page.getByRole('columnheader', { name: 'What happened' }).isVisible()).toBe(true);
    expect(trouble).toEqual([]);
    await close();
  });

  it('prints, with what is folded on the screen', async () => {
    const { page, trouble, close } = await openWindow(browser);
    await show(page, folder, 'print', await vectorReport('root-mismatch'));
    const heightOfTable = async (): Promise<number> =>
      page.locator('details table').evaluate((table) => table.getBoundingClientRect().height);
    expect(await heightOfTable()).toBe(0);
    await page.emulateMedia({ media: 'print' });
    expect(await heightOfTable()).toBeGreaterThan(0);
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString('latin1')).toBe('%PDF-');
    expect(trouble).toEqual([]);
    await close();
  });

  it('does nothing that a log says', async () => {
    const attack = `"'><script>alert(1)</script><img src=https://evil.example/a onerror=alert(1)><style>*{background:url(https://evil.example/b)}</style>`;
    const [stream] = (await vectorReport('foreign-line')).streams;
    if (stream === undefined) throw new Error('a vector without a stream');
    const hostile = {
      ...stream,
      origin: attack,
      files: [attack],
      endTime: attack,
      checkpoint: attack,
      findings: stream.findings.map((one) => ({
        ...one,
        message: attack,
        file: attack,
        quoted: { head: attack, bytes: 9 },
      })),
      timeline: {
        ...stream.timeline,
        events: stream.timeline.events.map((one) => ({ ...one, why: attack, time: attack, keyId: attack })),
      },
    };
    const { page, trouble, close } = await openWindow(browser);
    await show(page, folder, 'hostile', { ...(await vectorReport('foreign-line')), streams: [hostile, hostile] });
    await page.waitForLoadState('networkidle');
    expect(await page.title()).toContain('TAMPERED');
    expect(await page.locator('img, script, style').count()).toBe(1); // its own style sheet
    expect(await page.getByText('<script>alert(1)</script>').count()).toBeGreaterThan(5);
    expect(trouble).toEqual([]);
    await close();
  });
});
