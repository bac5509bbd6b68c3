import { expect, test } from 'vitest';
import { mapBounded } from '../../src/foundation/pool.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('keeps the order and the bound', async () => {
  let under = 0;
  let most = 0;
  const items = Array.from({ length: 50 }, (_, index) => index);
  const results = await mapBounded(items, 4, async (item) => {
    under += 1;
    most = Math.max(most, under);
    for (let index = 0; index < item % 3; index += 1) await tick();
    under -= 1;
    return item * 2;
  });
  expect(results).toEqual(items.map((item) => item * 2));
  expect(most).toBe(4);
});

test('after the first failure nothing starts, and what is under way is told to stop', async () => {
  let started = 0;
  let told = 0;
  const batch = mapBounded([0, 1, 2, 3, 4, 5, 6, 7], 3, async (item, signal) => {
    started += 1;
    await tick();
    if (item === 1) throw new Error('first');
    await tick();
    if (signal.aborted) told += 1;
    throw new Error('later');
  });
  await expect(batch).rejects.toThrow('first');
  expect(started).toBe(3);
  expect(told).toBe(2);
});

test('an empty batch calls nothing', async () => {
  expect(await mapBounded([], 4, () => Promise.reject(new Error('called')))).toEqual([]);
});
