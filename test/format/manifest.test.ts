import { describe, expect, it } from 'vitest';
import { formatManifest } from '../../src/format/manifest.ts';
import { readManifest } from '../../src/format/manifest-reading.ts';
import type { Manifest } from '../../src/index.ts';

const manifest: Manifest = {
  version: 1,
  origin: 'audit.example.com/a',
  file: 'audit.jsonl',
  created_ts: '2026-11-24T23:00:00.000Z',
  closed_ts: '2026-11-24T23:10:00.000Z',
  record_count: 2,
  first_seq: 1,
  last_seq: 5,
  first_ts: '2026-11-24T23:00:01.000Z',
  last_ts: '2026-11-24T23:00:02.000Z',
  size: 5,
  root: 'A'.repeat(43).concat('='),
  algo: 'hmac-sha256',
  key_id: 'ftE2xJrV.1',
  continues_from: { origin: 'audit.example.com/a', size: 1, root: 'A'.repeat(43).concat('=') },
  bytes: 1200,
  sha256: '0'.repeat(64),
  checkpoint: `audit.example.com/a\n5\n${'A'.repeat(43)}=\n\n— audit.example.com/a AAAAAAAA\n`,
  signature_algo: 'ratchet-hmac-sha256',
  signature: 'AAA=',
};

describe('manifest', () => {
  it('reads back what it writes, with and without what may be absent', () => {
    expect(readManifest(Buffer.from(formatManifest(manifest)))).toEqual({ manifest });
    const { first_ts, last_ts, continues_from, ...bare } = manifest;
    expect([first_ts, last_ts, continues_from]).not.toContain(undefined);
    expect(readManifest(Buffer.from(formatManifest(bare)))).toEqual({ manifest: bare });
  });

  it.each([
    ['no object', '[]', 'CONTROL_MALFORMED'],
    ['another version', formatManifest({ ...manifest, version: 2 as 1 }), 'UNSUPPORTED'],
    ['an unknown member', formatManifest(manifest).replace('{', '{"x":1,'), 'UNSUPPORTED'],
    ['a missing member', formatManifest(manifest).replace('"size": 5,', ''), 'CONTROL_MALFORMED'],
    ['a note that is none', formatManifest({ ...manifest, checkpoint: 'x' }), 'CONTROL_MALFORMED'],
    ['a time that is none', formatManifest({ ...manifest, created_ts: 'yesterday' }), 'CONTROL_MALFORMED'],
  ])('refuses %s', (_name, text, code) => {
    expect(readManifest(Buffer.from(text))).toMatchObject({ problem: { code } });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a part of one', Buffer.from(formatManifest(manifest).slice(0, -9))],
    ['one in UTF-16', Buffer.from(`\ufeff${formatManifest(manifest)}`, 'utf16le')],
    ['one behind a byte order mark', Buffer.from(`\ufeff${formatManifest(manifest)}`)],
    ['bytes of no character', Buffer.from([0x7b, 0xe1, 0x7d])],
  ])('says why %s cannot be read', (_name, bytes) => {
    expect(readManifest(bytes)).toEqual({ unreadable: expect.any(String) });
  });
});
