import { type AxeResults, source } from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe-core finds serious or critical in a page, as `rule: selector`. The page itself runs nothing of it. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const { violations } = await page.evaluate<AxeResults>("axe.run(document, { resultTypes: ['violations'] })");
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}
