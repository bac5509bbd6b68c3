import { expect, it } from 'vitest';
import { programBeside } from '../../src/foundation/program-beside.ts';

const beside = new URL('./key-like.test.ts', import.meta.url);

it('finds a program beside the module, with the extension of the module', () => {
  expect(programBeside(import.meta.url, 'key-like.test')).toEqual(beside);
});

it('finds none where a bundle has only the module, or does not know where it is', () => {
  expect(programBeside(import.meta.url.replace(/ts$/, 'mjs'), 'key-like.test')).toBeUndefined();
  expect(programBeside(import.meta.url, 'segment-process')).toBeUndefined();
  expect(programBeside(undefined, 'key-like.test')).toBeUndefined();
});
