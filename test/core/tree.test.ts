import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { hkdfSha256, hmacSha256, RecordKey } from '../../src/core/hmac.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { EMPTY_ROOT, Frontier, frontierLength, hashLeaf, hashLeafInPlace } from '../../src/core/tree.ts';
import { rootOf } from '../support/proof.ts';

// RFC 6962 test data of certificate-transparency: the leaves and roots of the reference tree
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (hex) => hashLeaf(Buffer.from(hex, 'hex')),
);
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const hex = (digest: string): string => digestBytes(digest).toString('hex');

describe('the Merkle tree of RFC 6962', () => {
  it('gives the reference roots at every size', () => {
    const frontier = new Frontier();
    expect(hex(frontier.root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    LEAVES.forEach((leaf, at) => {
      frontier.append(leaf);
      expect(hex(frontier.root())).toBe(ROOTS[at]);
      expect(hex(rootOf(LEAVES.slice(0, at + 1)))).toBe(ROOTS[at]);
      expect(frontier.subtrees.length).toBe(frontierLength(at + 1));
    });
  });

  it('continues from a frontier at any size as if it had seen every leaf', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), (before, after) => {
        const leaves = Array.from({ length: before + after }, (_, at) => sha256(String(at)));
        const whole = new Frontier();
        for (const leaf of leaves.slice(0, before)) whole.append(leaf);
        const resumed = new Frontier(whole.size, whole.subtrees);
        for (const leaf of leaves.slice(before)) resumed.append(leaf);
        expect(resumed.root()).toBe(leaves.length === 0 ? EMPTY_ROOT : rootOf(leaves));
      }),
    );
  });

  it('refuses a frontier of the wrong length', () => {
    expect(() => new Frontier(3, [sha256('a')])).toThrow(RangeError);
    expect(() => new Frontier(-1)).toThrow(RangeError);
  });

  it('keeps the size right above 2^32', () => {
    const size = 2 ** 40 + 1;
    const frontier = new Frontier(size, [sha256('a'), sha256('b')]);
    frontier.append(sha256('c'));
    expect(frontier.size).toBe(size + 1);
    expect(frontier.subtrees.length).toBe(2);
  });

  it('hashes a leaf in place and leaves the byte before it alone', () => {
    const bytes = Buffer.from('x{"a":1}y');
    expect(hashLeafInPlace(bytes, 1, 8)).toBe(hashLeaf(Buffer.from('{"a":1}')));
    expect(bytes.toString()).toBe('x{"a":1}y');
    expect(() => hashLeafInPlace(bytes, 0, 3)).toThrow(RangeError);
  });
});

describe('HMAC and HKDF over buffers of our own', () => {
  it('agree with node:crypto for keys up to a block and any message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 300 }), (key, message) => {
        expect(hmacSha256(key, message)).toEqual(createHmac('sha256', key).update(message).digest());
        const salt = createHash('sha256').update(key).digest();
        expect(hkdfSha256(message, salt, key)).toEqual(Buffer.from(hkdfSync('sha256', message, salt, key, 32)));
      }),
    );
  });

  it('give the same MAC from prepared pads', () => {
    const key = randomBytes(32);
    const digest = sha256('leaf');
    const expected = createHmac('sha256', key).update(digestBytes(digest)).digest('base64url');
    expect(new RecordKey(key).mac(digest)).toBe(expected);
  });
});

describe('the key schedule', () => {
  const nonce = Buffer.alloc(32, 7);
  const context = { nonce, origin: 'audit.example.com/a', epoch: 3 };

  it('follows spec 3 to the byte', () => {
    const key = randomBytes(32);
    const schedule = KeySchedule.derive(key, context);
    const epoch = Buffer.from('0000000000000003', 'hex');
    const o = createHash('sha256').update(context.origin).digest();
    const derive = (label: string): Buffer =>
      Buffer.from(
        hkdfSync('sha256', key, nonce, Buffer.concat([Buffer.from(`fapilog-tamper/v1 ${label}\0`), o, epoch]), 32),
      );
    const mac = (k: Buffer, m: string | Buffer): Buffer => createHmac('sha256', k).update(m).digest();
    expect(schedule.fingerprint).toEqual(derive('fingerprint'));
    let chain = derive('chain');
    for (let step = 0; step < 3; step++) {
      const leaf = createHash('sha256').update('leaf').digest();
      expect(schedule.step).toBe(step);
      expect(schedule.authenticate(leaf.toString('latin1'))).toBe(
        mac(mac(chain, 'record'), leaf).toString('base64url'),
      );
      expect(schedule.macCheckpoint(Buffer.from('text'))).toEqual(mac(mac(chain, 'checkpoint'), 'text'));
      schedule.advance();
      chain = mac(chain, 'next');
    }
  });

  it.each([Buffer.alloc(32), Buffer.alloc(31, 1), Buffer.alloc(33, 1), Buffer.alloc(0)])(
    'refuses the key %o',
    (key) => {
      expect(() => KeySchedule.derive(key, context)).toThrow(expect.objectContaining({ code: 'KEY_MALFORMED' }));
    },
  );
});
