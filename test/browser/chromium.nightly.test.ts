import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accessibilityFindings } from './accessibility.ts';
import { startChromium } from './chromium.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(async () => browser.close());

it('Chromium starts and renders a page', async () => {
  const page = await browser.newPage();
  await page.setContent('<p>sealed</p>');
  expect(await page.textContent('p')).toBe('sealed');
});

it('axe-core finds what it should in a page that allows no script', async () => {
  const page = await browser.newPage();
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'">`;
  await page.setContent(`<html lang="en"><head>${policy}<title>t</title></head><body><main><img id="i"></main></body>`);
  expect(await accessibilityFindings(page)).toEqual(['image-alt: #i']);
});
