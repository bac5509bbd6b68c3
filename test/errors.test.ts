import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isTamperError, TamperError } from '../src/errors.ts';

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

describe('docs/errors.md', () => {
  it('has every code of the union, in its order, and no other', () => {
    const source = read('src/errors.ts');
    const union = source.slice(source.indexOf('export type TamperErrorCode'), source.indexOf('export interface'));
    const codes = [...union.matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code);
    const documented = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|[^|]+\|[^|]+\|$/gm)].map(
      ([, code]) => code,
    );
    expect(codes.length).toBeGreaterThan(40);
    expect(documented).toEqual(codes);
  });
});

describe('TamperError', () => {
  it('keeps what it is made from', () => {
    const cause = new Error('below');
    const error = new TamperError('THROTTLED', 'too many', { cause, hint: 'wait', requestId: 'r-1', retryable: true });
    expect(error).toMatchObject({
      code: 'THROTTLED',
      message: 'too many',
      hint: 'wait',
      requestId: 'r-1',
      retryable: true,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  it('has no cause and is not retryable unless told so', () => {
    const error = new TamperError('USAGE', 'no');
    expect('cause' in error).toBe(false);
    expect(error.retryable).toBe(false);
  });

  it('is told from other errors, and by code', () => {
    const error: unknown = new TamperError('USAGE', 'no');
    expect([isTamperError(error), isTamperError(error, 'USAGE'), isTamperError(error, 'LOCKED')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([isTamperError(new Error('x')), isTamperError(undefined), isTamperError({ code: 'USAGE' })]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
