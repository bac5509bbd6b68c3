import { expect, it } from 'vitest';
import { tagOf } from '../../src/format/origin.ts';
import { orderFiles } from '../../src/verify/files/stream-files.ts';
import { withNeighbours } from '../../src/verify/found/rotated-files.ts';
import type { PeekedSource } from '../../src/verify/input/peek.ts';
import { Findings } from '../../src/verify/model/findings.ts';

/** Files of a carrier that hold nothing but pieces of lines stay in the order of their names, whatever else is in them. */

const origin = 'example.com/a';
const tag = tagOf(origin);
const entry = (name: string, seq: number): PeekedSource =>
  ({ source: { name }, peek: { tag, seq }, listed: true }) as unknown as PeekedSource;
const checkpoints = (name: string, of: string): PeekedSource =>
  ({
    source: { name, carrier: 'docker' },
    peek: { noted: { origin: of, size: 2 } },
    listed: true,
  }) as unknown as PeekedSource;
const pieces = (name: string, noted?: number): PeekedSource =>
  ({
    source: { name },
    peek: noted === undefined ? {} : { noted: { origin, size: noted } },
    listed: true,
    pieces: 'sealed',
  }) as unknown as PeekedSource;

it.each([0, 1, 2, 3])('a checkpoint in the one with number %i, of an entry long before, moves none', async (at) => {
  const files = [
    entry('x-json.log.5.gz', 1),
    ...[4, 3, 2, 1].map((number, index) => pieces(`x-json.log.${number}.gz`, index === at ? 2 : undefined)),
    entry('x-json.log', 9),
  ];
  for (const given of [files, [...files].reverse()]) {
    const ordered = await orderFiles(withNeighbours(given), new Findings());
    expect(ordered.map(({ source }) => source.name)).toEqual(files.map(({ source }) => source.name));
  }
});

it.each([0, 1, 2, 3])('nor does it stand between them, in a file with number %i of its own', async (at) => {
  const between = [4, 3, 2, 1].map((number, index) =>
    (index === at ? (name: string) => checkpoints(name, origin) : pieces)(`x-json.log.${number}.gz`),
  );
  const files = [entry('x-json.log.5.gz', 1), ...between, entry('x-json.log', 9)];
  for (const given of [files, [...files].reverse()]) {
    const ordered = await orderFiles(withNeighbours(given), new Findings());
    expect(ordered.map(({ source }) => source.name)).toEqual(files.map(({ source }) => source.name));
  }
});

it('and checkpoints of another stream stay a file of that stream', () => {
  const other = checkpoints('x-json.log.2.gz', 'example.com/b');
  const placed = withNeighbours([
    entry('x-json.log.3.gz', 1),
    other,
    pieces('x-json.log.1.gz'),
    entry('x-json.log', 9),
  ]);
  expect(placed).toContain(other);
});
