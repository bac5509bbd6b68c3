import { describe, expect, it } from 'vitest';
import { judge, memorySource } from '../support/judge.ts';
import { catalogue } from './catalogue/index.ts';

describe('catalogue', () => {
  it.each(catalogue().map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const got = await judge(
      one.files.map(({ name, bytes }) => memorySource(name, bytes)),
      one.brings,
    );
    expect({ verdict: got.verdict, findings: got.codes, m: got.findings.map((f) => f.message) }).toMatchObject(
      one.expect,
    );
  });
});
