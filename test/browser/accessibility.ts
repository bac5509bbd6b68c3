import { type AxeResults, source } from 'axe-core';
import type { Page } from 'playwright-core';

/**
 * What axe-core finds serious or critical in a page, as `rule: selector`. The page itself runs nothing of it.
 *
 * @param rules - the rules to apply; all by default
 */
export async function accessibilityFindings(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(source);
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules !== undefined && { runOnly: rules }) });
  const { violations } = await page.evaluate<AxeResults>(`axe.run(document, ${options})`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}
