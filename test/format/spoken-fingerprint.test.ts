import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { spokenFingerprint } from '../../src/format/spoken-fingerprint.ts';

it('a fingerprint is read out in groups of four hexadecimal digits', () => {
  const digest = createHash('sha256').update('').digest();
  const spoken = spokenFingerprint(digest);
  expect(spoken).toBe('e3b0 c442 98fc 1c14 9afb f4c8 996f b924 27ae 41e4 649b 934c a495 991b 7852 b855');
  expect(spoken.replaceAll(' ', '')).toBe(digest.toString('hex'));
});

it('every byte keeps its two digits, and an odd number of bytes leaves a short last group', () => {
  expect(spokenFingerprint(Uint8Array.of(0, 1, 0xff))).toBe('0001 ff');
  expect(spokenFingerprint(new Uint8Array())).toBe('');
});
