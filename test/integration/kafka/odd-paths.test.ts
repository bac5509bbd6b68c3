import { expect, it } from 'vitest';
import { ORIGIN } from '../../doors/odd-places.ts';
import { expectOwnEnds, rounds } from '../../doors/rounds.ts';
import { running } from '../../servers/running.ts';
import { times } from '../../support/tier.ts';
import { fleetLog, makeTopics, produce } from '../../support/topic-logs.ts';

/** The place that is not reached without a topic, as test/doors/odd-paths.test.ts has all others. */
it.each(rounds(times(1, 4)))(
  'an odd file in the place of the state of a topic, round %i',
  { timeout: 1_800_000 },
  async (round) => {
    const { broker } = running('kafka');
    const topic = `odd-paths-${process.pid}-${round}`;
    await makeTopics(broker, [topic]);
    const lines = fleetLog(ORIGIN, 5).lines.map(({ bytes: value }) => ({ key: ORIGIN, value }));
    await produce(broker, topic, lines);
    expect(await expectOwnEnds(round, { TOPIC: `kafka://${broker}/${topic}` })).toBe(1);
  },
);
