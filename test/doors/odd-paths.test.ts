import { expect, it } from 'vitest';
import { times } from '../support/tier.ts';
import { expectOwnEnds, rounds } from './rounds.ts';

/**
 * Whatever stands in the place of a path of any command, and whatever becomes of it meanwhile, the command ends with a code of its
 * own, holds no more memory, and what a link leads to is as it was. In a round each place gets one kind of file, and the next one in
 * the next round; a night has four of them.
 */

it.each(rounds(times(1, 4)))(
  'an odd file in the place of every path, round %i',
  { timeout: 1_800_000 },
  async (round) => expect(await expectOwnEnds(round)).toBeGreaterThan(110),
);
