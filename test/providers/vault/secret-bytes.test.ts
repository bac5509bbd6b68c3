import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/keys/secret.ts';
import {
  decodeBase64,
  encodeBase64,
  encodeBody,
  scrub,
  takeSecret,
} from '../../../src/providers/vault/secret-bytes.ts';

const text = (secret: Secret | undefined): string | undefined => secret?.use((bytes) => bytes.toString());

describe('base64 from bytes to bytes', () => {
  test('agrees with Buffer for every length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const encoded = encodeBase64(bytes);
        expect(encoded.toString()).toBe(Buffer.from(bytes).toString('base64'));
        expect(decodeBase64(encoded).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each(['A', 'AA', 'AAA', 'AA=A', '====', 'AAA=BBBB', 'AB==', 'AA-_', 'AAAA\n', 'A===', 'é==='])(
    'refuses %s',
    (bad) => {
      expect(() => decodeBase64(Buffer.from(bad))).toThrow(expect.objectContaining({ code: 'RESPONSE_MALFORMED' }));
    },
  );

  test('nothing is nothing', () => {
    expect(decodeBase64(Buffer.alloc(0))).toHaveLength(0);
  });
});

describe('encodeBody', () => {
  test('writes JSON with secrets in it, and leaves out what is undefined', () => {
    const body = encodeBody({
      role_id: 'a "role"',
      secret_id: new Secret('s3cr3t'),
      increment: 3,
      nothing: undefined,
      batch_input: [{ input: 'AAAA' }],
      paths: ['a/b'],
    });
    expect(JSON.parse(body.toString())).toEqual({
      role_id: 'a "role"',
      secret_id: 's3cr3t',
      increment: 3,
      batch_input: [{ input: 'AAAA' }],
      paths: ['a/b'],
    });
    expect(encodeBody({}).toString()).toBe('{}');
  });

  test.each(['a"b', 'a\\b', 'a b', 'a\nb', 'ä', ''])('refuses the secret %j, and does not repeat it', (bad) => {
    expect(() => encodeBody({ jwt: new Secret(bad) })).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED', message: expect.stringMatching(/^jwt is /) }),
    );
  });
});

describe('takeSecret', () => {
  test('takes the value out and overwrites it wherever it stands', () => {
    const body = Buffer.from(
      '{"auth":{"client_token" : "s.abc","x":1},"other":{"client_token":"s.abc"},"key":"client_token"}',
    );
    expect(text(takeSecret(body, 'client_token'))).toBe('s.abc');
    expect(body.toString()).not.toContain('s.abc');
    expect(JSON.parse(body.toString())).toMatchObject({ auth: { client_token: 'xxxxx', x: 1 }, key: 'client_token' });
  });

  test('finds nothing where there is nothing', () => {
    for (const body of ['{}', '{"plaintext":7}', '{"plaintext"', '{"a":"plaintext"}', '"plaintext":']) {
      expect(takeSecret(Buffer.from(body), 'plaintext')).toBeUndefined();
    }
  });

  test.each(['{"plaintext":"a\\u0041"}', '{"plaintext":"cut'])('overwrites and refuses %s', (bad) => {
    const body = Buffer.from(bad);
    expect(() => takeSecret(body, 'plaintext')).toThrow(expect.objectContaining({ code: 'RESPONSE_MALFORMED' }));
    expect(body.toString()).not.toMatch(/u0041|cut/);
  });
});

test('scrub overwrites every occurrence, at any place', () => {
  const secret = randomBytes(12).toString('hex');
  const body = Buffer.from(`${secret}{"errors":["no ${secret}","${secret}${secret}"]}`);
  scrub(body, [new Secret(secret), new Secret('no')]);
  expect(body.toString()).not.toContain(secret);
  expect(body.toString()).toContain('no x');
});
