import { readdirSync, readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { isError, isTamperError, systemCode, TamperError } from '../src/errors.ts';

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
    if (isTamperError(error, 'USAGE')) error.code satisfies 'USAGE';
    expect([isTamperError(new Error('x')), isTamperError(undefined), isTamperError({ code: 'USAGE' })]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('errors of another realm, as a test runner or a sandbox makes them', () => {
  const foreign: unknown = runInNewContext("Object.assign(new Error('no entry'), { code: 'ENOENT' })");

  it('are errors, and have the code of the system', () => {
    expect(foreign instanceof Error).toBe(false);
    expect(isError(foreign)).toBe(true);
    expect(systemCode(foreign)).toBe('ENOENT');
  });

  it.each([undefined, null, 'ENOENT', {}, { code: 2 }, new TamperError('LOCKED', 'no code of the system')])(
    '%s has no code of the system',
    (thrown) => {
      expect(systemCode(thrown)).toBe('');
    },
  );

  it('are told by nothing else in src', () => {
    const files = readdirSync(new URL('../src', import.meta.url), { recursive: true, encoding: 'utf8' });
    const others = files.filter(
      (file) => file.endsWith('.ts') && file !== 'errors.ts' && /instanceof Error\b/.test(read(`src/${file}`)),
    );
    expect(others).toEqual([]);
  });
});
