import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditFleet, type FleetFiles, fleetInBucket, fleetOnDisk, rotatedLog, ship } from '../support/fleet.ts';

/** What an audit says of each stream, compared with the time before. */

describe.each([
  ['a directory', fleetOnDisk],
  ['a bucket', fleetInBucket],
])('of %s', (_, make) => {
  let fleet: FleetFiles;
  beforeEach(() => {
    fleet = make();
  });
  afterEach(() => fleet.close());
  const said = async (): Promise<readonly string[]> => (await auditFleet(fleet)).said;

  it('new, then unchanged, then grown', async () => {
    const log = rotatedLog('fleet/a', 3);
    ship(fleet, log, 'a');
    ship(fleet, rotatedLog('fleet/b', 1), 'b');
    expect(await said()).toEqual(['fleet/a: new ok whole', 'fleet/b: new ok whole']);
    expect(await said()).toEqual(['fleet/a: unchanged ok nothing', 'fleet/b: unchanged ok nothing']);
    ship(fleet, rotatedLog('fleet/a', 5), 'a', 3);
    const { said: third, results } = await auditFleet(fleet);
    expect(third).toEqual(['fleet/a: grown ok added', 'fleet/b: unchanged ok nothing']);
    expect(results.find(({ stream }) => stream === 'fleet/a')?.read.files).toBe(2);
    expect(await said()).toEqual(['fleet/a: unchanged ok nothing', 'fleet/b: unchanged ok nothing']);
  });
});
