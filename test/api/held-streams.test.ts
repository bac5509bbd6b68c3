import { describe, expect, it } from 'vitest';
import { refuseStrangeNotes } from '../../src/api/held-streams.ts';
import { formatNote } from '../../src/format/checkpoint.ts';

const ORIGIN = 'audit.example.com/shop';
const note = (origin: string): string =>
  formatNote(`${origin}\n7\n${Buffer.alloc(32, 1).toString('base64')}\n`, [
    `\u2014 ${origin} ${Buffer.alloc(68, 1).toString('base64')}\n`,
  ]);
const given = (held: string, origin: string | string[], continued = false): object => ({
  paths: ['a.jsonl'],
  held: [note(held)],
  origin,
  continued,
});
const refuse = (options: object): void => refuseStrangeNotes(options as Parameters<typeof refuseStrangeNotes>[0]);

describe('a checkpoint that is given with files', () => {
  it('is of a stream that is named, by a pattern too, or that a named one was continued as', () => {
    const begunAnew = `${ORIGIN}/20261126T070000Z-0011aabb`;
    for (const [held, origin, continued] of [
      [ORIGIN, ORIGIN, false],
      [ORIGIN, ['other.example.com/a', 'audit.example.com/*'], false],
      [begunAnew, ORIGIN, true], // a configuration names the stream, which `on_state_conflict` began anew
    ] as const) {
      expect(() => refuse(given(held, [origin].flat(), continued)), held).not.toThrow();
    }
    expect(() => refuse(given(begunAnew, ORIGIN))).toThrow('which is not verified here');
  });

  it('is refused where it is of any other: it would demand nothing', () => {
    for (const held of ['audit.example.com/shop2', 'audit.example.com', 'x/audit.example.com/shop']) {
      for (const continued of [false, true]) {
        expect(() => refuse(given(held, ORIGIN, continued)), held).toThrow(
          expect.objectContaining({ code: 'USAGE' }) as Error,
        );
      }
    }
    const stamped = {
      paths: ['a'],
      origin: ORIGIN,
      timestamps: [{ note: note('b'), time: new Date(), authority: 'x' }],
    };
    expect(() => refuse(stamped)).toThrow('--timestamp');
  });
});
