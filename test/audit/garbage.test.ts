import { describe, expect, it } from 'vitest';
import { lookAtFamily } from '../../src/audit/check/family-look.ts';
import { familyId } from '../../src/audit/memory/family.ts';
import { formatRemembered, parseRemembered, type RememberedFamily } from '../../src/audit/memory/remembered.ts';
import { parseSignedCheckpoint } from '../../src/format/checkpoint.ts';
import { leftBy } from '../support/garbage.ts';

/**
 * An audit of ten thousand streams does the same small things ten thousand times. What each leaves behind is to be collected
 * while it is young: of what lands among the old objects, an audit that is soon over would never free any.
 */

const STREAMS = 5_000;

const origin = 'fleet.example.com/host-00001';
const note = `${origin}\n23\n${Buffer.alloc(32, 7).toString('base64')}\n\n— ${origin} ${Buffer.alloc(36, 9).toString('base64')}\n`;
const file = { name: 's3://bucket/host-1/audit.jsonl', size: 9_000, version: 'c0ffee' };
const family: RememberedFamily = {
  version: 2,
  family: origin,
  streams: [
    {
      origin,
      verdict: 'ok',
      basis: 'a digest',
      first: note,
      newest: note,
      firstSeq: 1,
      lastSeq: 23,
      sealed: '2026-11-24T23:00:00Z',
      end: 'closed',
      counts: { adopted: 0, abandoned: 0, dropped: 0 },
      checked: '2026-11-25T00:00:00Z',
      files: [{ ...file, firstSeq: 1, lastSeq: 23 }],
    },
  ],
};
const [text, id] = [formatRemembered(family), familyId(origin)];

const actions: Readonly<Record<string, () => unknown>> = {
  'reading a checkpoint': () => parseSignedCheckpoint(note),
  'reading what is remembered of a stream': () => parseRemembered(text, id, 'here'),
  'comparing a stream with what is remembered of it': () => lookAtFamily([file], family, []),
};

describe('garbage', () => {
  it.each(Object.entries(actions))('%s leaves next to none among the old objects', (_what, act) => {
    expect(act()).toBeDefined();
    expect(leftBy(act, STREAMS)).toBeLessThan(60);
  });
});
