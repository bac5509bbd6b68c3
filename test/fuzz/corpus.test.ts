import { describe, expect, it } from 'vitest';
import { corpusOf } from './corpus.ts';
import { runOne } from './engine.ts';
import { targets } from './targets.ts';

/** What the fuzzer found once is run each time. */

describe.each(targets.map((target) => [target.name, target] as const))('%s', (name, target) => {
  it('holds for every input that it begins with, and for every one that was kept', async () => {
    const inputs = [...target.seeds().map((input) => ({ name: 'seed', input })), ...corpusOf(name)];
    for (const { name: file, input } of inputs) expect(await runOne(target, input), file).toBeUndefined();
    expect(inputs.length).toBeGreaterThan(0);
  });
});
