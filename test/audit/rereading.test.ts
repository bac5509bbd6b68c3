import { describe, expect, it } from 'vitest';
import { AuditJobs } from '../../src/audit/jobs/audit-jobs.ts';
import { formatVkey } from '../../src/format/vkey.ts';
import { auditFleet, DAY, fleetInBucket, NOW } from '../support/fleet.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/** How much an audit reads of what it has read before. */

const RUN = '20261126T230000Z-0011223344556677';

/** A log that rotates: the checkpoint of a close stands in the next file. It ends in the middle of its last file. */
function rotating(origin: string, files: number): Map<string, Buffer> {
  const log = new SealedLog(origin);
  log.file = '0001.jsonl';
  log.open(signKeys).seal().checkpoint();
  for (let file = 1; file <= files; file++) {
    if (file > 1) log.rotate(`${String(file).padStart(4, '0')}.jsonl`).checkpoint();
    log.record(`{"file":${file}}`).seal().checkpoint();
    if (file < files) log.record('{"n":1}').close('rotated');
  }
  return new Map(log.toFiles().map(({ name, bytes }) => [name, bytes]));
}

describe('a log that rotates', () => {
  it('is read from the file that was open at the last audit', async () => {
    const fleet = fleetInBucket();
    const put = (files: number): void => {
      for (const [name, bytes] of rotating('fleet/a', files))
        if (!fleet.read(`a/${name}`).equals(bytes)) fleet.write(`a/${name}`, bytes);
    };
    put(5);
    await auditFleet(fleet);
    for (let files = 6; files <= 9; files++) {
      put(files);
      const { results } = await auditFleet(fleet);
      expect(results).toMatchObject([{ result: 'grown', verdict: 'ok', checked: 'added', read: { files: 2 } }]);
    }
  });

  it('is read whole once in every period, and only as far as the bytes go', async () => {
    const fleet = fleetInBucket();
    const names = Array.from({ length: 20 }, (_, at) => `fleet/${at}`);
    for (const name of names) for (const [file, bytes] of rotating(name, 2)) fleet.write(`${name}/${file}`, bytes);
    const audited = async (night: number, more: object = {}): Promise<string[]> => {
      const now = new Date(NOW.getTime() + night * DAY);
      const { results } = await auditFleet(fleet, { now, stoppedAfterMs: 1000 * DAY, rereadMs: 10 * DAY, ...more });
      expect(results.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
      return results.filter(({ checked }) => checked === 'whole').map(({ stream }) => stream);
    };
    expect(await audited(0)).toHaveLength(20);
    const read: string[] = [];
    for (let night = 1; night <= 10; night++) {
      const now = await audited(night);
      expect(now.length).toBeLessThan(10);
      read.push(...now);
    }
    expect([...read].sort()).toEqual([...names].sort());
    expect(await audited(100, { rereadMs: Number.POSITIVE_INFINITY })).toEqual([]);
    // a file counts as 1 MiB: three streams of two files each
    expect(await audited(100, { rereadBytes: 6 * 2 ** 20 })).toHaveLength(3);
    expect(await audited(100)).toHaveLength(17);
  });
});

it('a job that names a file outside the places is refused', async () => {
  const fleet = fleetInBucket();
  for (const [file, bytes] of rotating('fleet/a', 2)) fleet.write(`a/${file}`, bytes);
  const audit = new AuditJobs({
    places: [fleet.place],
    memory: fleet.memory,
    options: { origin: 'fleet/*', publicKeys: [formatVkey('fleet', edKey.noteKey)] },
    stoppedAfterMs: DAY,
    now: () => NOW,
  });
  const { streams } = await audit.list();
  for await (const stream of streams) {
    const text = JSON.stringify({ run: RUN, ...stream });
    const job = JSON.parse(text.replaceAll('s3://memory/logs/a', 's3://memory/secrets/a')) as Parameters<
      typeof audit.audit
    >[0];
    await expect(audit.audit(job, { onProgress: () => undefined })).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  }
});
