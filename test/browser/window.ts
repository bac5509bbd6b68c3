import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** A page in a window of its own, and what went wrong or out of it besides the documents that the test opens. */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; trouble: string[]; close(): Promise<void> }> {
  const context = await browser.newContext(options);
  const trouble: string[] = [];
  context.on('request', (request) => {
    if (!request.isNavigationRequest()) trouble.push(`request ${request.url().slice(0, 200)}`);
  });
  const page = await context.newPage();
  page.on('console', (message) => trouble.push(`console ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`error ${error.message}`));
  page.on('dialog', (dialog) => {
    trouble.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, trouble, close: async () => context.close() };
}
