import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTamperError, type TamperError } from '../../../src/errors.ts';
import { decodeKey } from '../../../src/providers/internal/key-text.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte !== 0));
const spellings: Record<string, (bytes: Buffer) => Buffer> = {
  'base64 with padding': (bytes) => Buffer.from(bytes.toString('base64')),
  'base64 without': (bytes) => Buffer.from(bytes.toString('base64').replace('=', '')),
  base64url: (bytes) => Buffer.from(bytes.toString('base64url')),
  'base64url with padding': (bytes) => Buffer.from(`${bytes.toString('base64url')}=`),
  hex: (bytes) => Buffer.from(bytes.toString('hex')),
  'upper-case hex': (bytes) => Buffer.from(bytes.toString('hex').toUpperCase()),
};

function refusal(text: string | Uint8Array, raw = true): TamperError {
  try {
    decodeKey(typeof text === 'string' ? Buffer.from(text) : text, 'file k', raw);
  } catch (error) {
    if (isTamperError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('decodeKey', () => {
  for (const [name, spell] of Object.entries(spellings)) {
    it(`reads ${name}, with and without a line end`, () => {
      fc.assert(
        fc.property(key, fc.constantFrom('', '\n', '\r\n'), (bytes, lineEnd) => {
          const text = Buffer.concat([spell(Buffer.from(bytes)), Buffer.from(lineEnd)]);
          expect(decodeKey(text, 'file k', true).equals(bytes)).toBe(true);
          expect(decodeKey(text, 'variable K', false).equals(bytes)).toBe(true);
        }),
      );
    });
  }

  it('reads raw bytes only where they are allowed', () => {
    const bytes = Buffer.concat([Buffer.from([0, 255]), randomBytes(30)]);
    expect(decodeKey(bytes, 'file k', true).equals(bytes)).toBe(true);
    expect(refusal(bytes, false).message).toBe('file k contains bytes that are not text');
  });

  it('returns memory of its own', () => {
    const raw = Buffer.concat([Buffer.from([0, 255]), randomBytes(30)]);
    const decoded = decodeKey(raw, 'file k', true);
    raw.fill(0);
    expect(decoded.every((byte) => byte === 0)).toBe(false);
    expect(decoded.buffer.byteLength).toBe(32);
  });

  it('refuses any other length, never showing the value', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }).filter(({ length }) => length !== 32),
        fc.constantFrom(...Object.values(spellings)),
        (bytes, spell) => {
          const text = spell(Buffer.from(bytes));
          fc.pre(bytes.length > 4);
          let error: TamperError;
          try {
            decodeKey(text, 'file k', true);
            return false;
          } catch (thrown) {
            error = thrown as TamperError;
          }
          return (
            error.code === 'KEY_MALFORMED' &&
            !`${error.message}${error.hint}${error.stack}`.includes(text.toString('latin1'))
          );
        },
      ),
    );
  });

  it.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'is empty'],
    ['a line end', '\n', 'is empty'],
    [
      '16 bytes of hex, which are 32 characters',
      '00112233445566778899aabbccddeeff',
      'holds 16 bytes (as hex) instead of 32',
    ],
    ['a passphrase of 32 characters', 'correct horse battery staple ok!', 'contains spaces'],
    ['a passphrase that is base64', 'correcthorsebatterystaple0000000', 'holds 24 bytes (as base64) instead of 32'],
    ['0x', `0x${'ab'.repeat(32)}`, 'begins with 0x'],
    ['quotation marks', `"${'ab'.repeat(32)}"`, 'quotation mark'],
    ['a byte-order mark', Buffer.from(`\ufeff${'ab'.repeat(32)}`), 'byte-order mark'],
    ['two lines', `${'ab'.repeat(32)}\n\n`, 'several lines'],
    [
      'a raw key and a line end',
      Buffer.concat([Buffer.alloc(32, 0xfe), Buffer.from('\n')]),
      '33 raw bytes instead of 32',
    ],
    ['both alphabets', `${'A'.repeat(40)}-_/`, 'neither hex nor one valid spelling'],
    ['a second spelling', `${'A'.repeat(42)}B`, 'neither hex nor one valid spelling'],
    ['too much padding', `${Buffer.alloc(32, 7).toString('base64')}=`, 'neither hex nor one valid spelling'],
    ['padding inside', `${'A'.repeat(20)}=${'A'.repeat(23)}`, 'neither hex nor one valid spelling'],
    ['all zero hex', '0'.repeat(64), 'all zero'],
    ['all zero base64', `${'A'.repeat(43)}=`, 'all zero'],
    ['all zero raw', Buffer.alloc(32), 'all zero'],
    ['PEM', '-----BEGIN PRIVATE KEY-----\n', 'set algorithm to Ed25519'],
  ])('refuses %s and says what it looks like', (_, text, part) => {
    const error = refusal(text);
    expect(error.code).toBe('KEY_MALFORMED');
    expect(error.message).toMatch(/^file k /);
    expect(error.message).toContain(part);
    expect(error.hint).toContain('keygen');
  });
});
