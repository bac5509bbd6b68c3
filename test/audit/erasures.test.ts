import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditJobs } from '../../src/audit/jobs/audit-jobs.ts';
import type { LogPlace } from '../../src/audit/place/log-place.ts';
import type { AuditRequest } from '../../src/audit/run/audit.ts';
import type { Policy, StreamResult } from '../../src/index.ts';
import { policyOf, signedBy } from '../support/erasing.ts';
import {
  auditFleet,
  DAY,
  type FleetFiles,
  fleetInBucket,
  fleetOnDisk,
  NOW,
  rotatedLog,
  ship,
  spoilSignature,
} from '../support/fleet.ts';
import { erase, recordErasures, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/** Streams whose policy names an erasure log (spec/erasure.md). In each file of a log are entries 3 to 5, or 8 to 10, and so on. */

const ERASURES = 'erasures/a';
const salted = { signers: [edKey], salted: true } as const;

const policyWith = (more: object = {}): Promise<Policy> =>
  policyOf(
    [signedBy('fleet/*', edKey, { keys: [{ sign: vkeyOf('fleet', edKey) }], ...more }), signedBy(ERASURES, nextEdKey)],
    [ERASURES],
  );

let named: Policy;
beforeAll(async () => {
  named = await policyWith();
});

const asked = (policy: Policy = named): Pick<AuditRequest, 'options' | 'stoppedAfterMs'> => ({
  options: { policy },
  stoppedAfterMs: DAY,
});

const logOf = (name = 'a', files = 3): SealedLog => rotatedLog(`fleet/${name}`, files, salted);

function erasureLog(): SealedLog {
  const log = new SealedLog(ERASURES);
  log.file = '0001.jsonl';
  return log
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint();
}

/** Writes the files that are others now: a file that was merely copied once more is rewritten. */
function reship(fleet: FleetFiles, log: SealedLog, folder: string): void {
  for (const { name, bytes } of log.toFiles()) {
    const path = `${folder}/${name}`;
    if (!fleet.names().includes(path) || !fleet.read(path).equals(bytes)) fleet.write(path, bytes);
  }
}

const codesOf = (results: readonly StreamResult[], stream = 'fleet/a'): string[] =>
  results
    .filter((one) => one.stream === stream)
    .flatMap(({ findings }) => findings.map((one) => `${one.code} ${one.seq}`));

const erasedOf = (results: readonly StreamResult[]): number | undefined =>
  results.find(({ stream }) => stream === 'fleet/a')?.erased;

/** The place, whose files are read by the verifier only after something was done, once. */
function disturbed(place: LogPlace, stream: string, act: () => void): LogPlace {
  let done = false;
  return {
    name: place.name,
    holds: (name) => place.holds(name),
    list: (ignored) => place.list(ignored),
    listBeside: (names) => place.listBeside(names),
    now: async (file) => place.now(file),
    peek: async (file, wanted) => place.peek(file, wanted),
    toVerify: (files) => {
      if (!done && files.some(({ name }) => name.includes(stream))) {
        done = true;
        act();
      }
      return place.toVerify(files);
    },
  };
}

describe.each([
  ['a directory', fleetOnDisk],
  ['a bucket', fleetInBucket],
])('erasures in %s', (_, make) => {
  let fleet: FleetFiles;
  beforeEach(() => {
    fleet = make();
  });
  afterEach(() => fleet.close());

  it('that are recorded are unchanged, with their number, and are told again when nothing was read', async () => {
    const log = logOf();
    const erasures = erasureLog();
    ship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    const first = await auditFleet(fleet, asked());
    expect(first.said).toEqual(['erasures/a: new ok whole', 'fleet/a: new ok whole']);
    recordErasures(erasures, log, 3, 9);
    erase(log, 3, 9);
    reship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    const second = await auditFleet(fleet, asked());
    expect(second.said).toEqual(['erasures/a: grown ok whole', 'fleet/a: unchanged ok whole']);
    expect(codesOf(second.results)).toEqual(['ERASED 3', 'ERASED 9']);
    expect(erasedOf(second.results)).toBe(2);
    const third = await auditFleet(fleet, asked());
    expect(third.said).toEqual(['erasures/a: unchanged ok nothing', 'fleet/a: unchanged ok nothing']);
    expect(codesOf(third.results)).toEqual(['ERASED 3', 'ERASED 9']);
    expect(third.results.find(({ stream }) => stream === 'fleet/a')?.findings[0]?.message).toContain('case 4711');
    expect(erasedOf(third.results)).toBe(2);
    // it goes on: what was erased before is not read again, and is told
    const longer = logOf('a', 5);
    erase(longer, 3, 9);
    ship(fleet, longer, 'a', 3);
    const fourth = await auditFleet(fleet, asked());
    expect(fourth.said).toContain('fleet/a: grown ok added');
    expect(codesOf(fourth.results)).toEqual(['ERASED 3', 'ERASED 9']);
  });

  it('that nobody recorded are tampered, also in a file that was remembered, and beside a recorded one', async () => {
    const log = logOf();
    const erasures = erasureLog();
    ship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    await auditFleet(fleet, asked());
    recordErasures(erasures, log, 3);
    erase(log, 3, 8);
    reship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    for (let round = 0; round < 2; round++) {
      const { said, results } = await auditFleet(fleet, asked());
      expect(said).toContain(`fleet/a: ${round === 0 ? 'rewritten' : 'unchanged'} tampered whole`);
      expect(codesOf(results)).toEqual(['ERASED_UNRECORDED 8', 'ERASED 3']);
    }
    recordErasures(erasures, log, 8);
    ship(fleet, erasures, 'zz');
    expect((await auditFleet(fleet, asked())).said).toContain('fleet/a: unchanged ok whole');
  });

  it('that are recorded and not carried out are told of a stream whose files are the same', async () => {
    const log = logOf();
    const erasures = erasureLog();
    for (const name of ['b', 'c']) ship(fleet, logOf(name), name);
    ship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    await auditFleet(fleet, asked());
    recordErasures(erasures, log, 4);
    ship(fleet, erasures, 'zz');
    const { said, results } = await auditFleet(fleet, asked());
    expect(said).toEqual([
      'erasures/a: grown ok whole',
      'fleet/a: unchanged undecided whole',
      'fleet/b: unchanged ok nothing',
      'fleet/c: unchanged ok nothing',
    ]);
    expect(codesOf(results)).toEqual(['NOT_ERASED 4']);
    // carried out
    reship(fleet, erase(log, 4), 'a');
    expect((await auditFleet(fleet, asked())).said).toContain('fleet/a: unchanged ok whole');
    // put back
    reship(fleet, logOf(), 'a');
    expect(codesOf((await auditFleet(fleet, asked())).results)).toEqual(['NOT_ERASED 4']);
  });

  it('during a round are never called tampered, whatever was read first', async () => {
    const log = logOf();
    const erasures = erasureLog();
    ship(fleet, log, 'a');
    ship(fleet, erasures, 'zz');
    await auditFleet(fleet, asked());
    fleet.remove('a/0001.jsonl'); // so that the stream is read
    const place = disturbed(fleet.place, '/a/', () => {
      recordErasures(erasures, log, 3, 8);
      ship(fleet, erasures, 'zz');
      erase(log, 3, 8);
      ship(fleet, log, 'a');
    });
    const { said } = await auditFleet({ ...fleet, place }, { ...asked(), rereadMs: 1 });
    expect(said.filter((one) => one.includes('tampered'))).toEqual([]);
    expect((await auditFleet(fleet, asked())).said).toContain('fleet/a: unchanged ok nothing');
  });

  it('during a first round, recorded in a folder of which nobody knew, are recorded', async () => {
    const log = logOf();
    const erasures = erasureLog();
    ship(fleet, erasures, 'zz');
    const before = log.fork();
    ship(fleet, before, 'a');
    const place = disturbed(fleet.place, '/a/', () => {
      erasures.close('rotated').checkpoint();
      ship(fleet, erasures, 'zz');
      erasures.rotate('0002.jsonl');
      recordErasures(erasures, log, 3);
      const [, second] = erasures.toFiles();
      fleet.write('elsewhere/0002.jsonl', second?.bytes as Buffer);
      erase(log, 3);
      ship(fleet, log, 'a');
    });
    const { said, results } = await auditFleet({ ...fleet, place }, asked());
    expect(said).toContain('fleet/a: new ok whole');
    expect(codesOf(results)).toEqual(['ERASED 3']);
  });

  it('are unproven where the erasure log is not ok, not here, not named, or was cut off', async () => {
    const log = logOf();
    const erasures = erasureLog();
    ship(fleet, log, 'a');
    ship(fleet, recordErasures(erasures, log, 3), 'zz');
    erase(log, 3);
    reship(fleet, log, 'a');
    await auditFleet(fleet, asked());
    const whole = fleet.read('zz/0001.jsonl').toString();
    // cut off
    fleet.write('zz/0001.jsonl', Buffer.from(`${whole.split('\n').slice(0, 3).join('\n')}\n`));
    const cut = await auditFleet(fleet, asked());
    expect(cut.said).toEqual(['erasures/a: rolled_back tampered whole', 'fleet/a: unchanged undecided whole']);
    expect(codesOf(cut.results)).toEqual(['ERASED_UNPROVEN 3']);
    // forged
    fleet.write('zz/0001.jsonl', Buffer.from(whole.split('\n').map(spoilSignature).join('\n')));
    expect(codesOf((await auditFleet(fleet, asked())).results)).toEqual(['ERASED_UNPROVEN 3']);
    fleet.remove('zz/0001.jsonl');
    expect(codesOf((await auditFleet(fleet, asked())).results)).toEqual(['ERASED_UNPROVEN 3']);
    fleet.write('zz/0001.jsonl', Buffer.from(whole));
    const { options, stoppedAfterMs } = asked();
    const { memory } = make(); // one that is remembered is found
    const unnamed = await auditFleet(
      { ...fleet, memory },
      { options: { ...options, origin: 'fleet/*' }, stoppedAfterMs },
    );
    expect(codesOf(unnamed.results)).toEqual(['ERASED_UNPROVEN 3']);
    expect((await auditFleet(fleet, asked())).said).toContain('fleet/a: unchanged ok whole');
  });

  it('that somebody records without the key of the erasure log record nothing', async () => {
    const log = logOf();
    ship(fleet, log, 'a');
    const forged = new SealedLog(ERASURES);
    forged.file = '0001.jsonl';
    forged
      .open({ signers: [edKey] })
      .seal()
      .checkpoint();
    ship(fleet, recordErasures(forged, log, 3), 'zz');
    ship(fleet, erase(log, 3), 'a');
    const { results } = await auditFleet(fleet, asked());
    expect(codesOf(results)).toEqual(['ERASED_UNPROVEN 3']);
    expect(results.every(({ verdict }) => verdict !== 'ok')).toBe(true);
  });

  it('in the erasure log itself are tampered', async () => {
    const log = logOf();
    const erasures = new SealedLog(ERASURES);
    erasures.file = '0001.jsonl';
    erasures
      .open({ signers: [nextEdKey], salted: true })
      .seal()
      .checkpoint();
    ship(fleet, log, 'a');
    ship(fleet, erase(recordErasures(erasures, log, 3), 3), 'zz');
    ship(fleet, erase(log, 3), 'a');
    const { results } = await auditFleet(fleet, asked());
    expect(codesOf(results, ERASURES)).toEqual(['ERASURES_ERASED 3']);
    expect(codesOf(results)).toEqual(['ERASED_UNPROVEN 3']);
  });

  it('above the number that the policy accepts are undecided, also where few files are read', async () => {
    const limit = await policyWith({ accept: { erased: 1 } });
    const log = logOf('a', 4);
    const erasures = erasureLog();
    ship(fleet, log, 'a');
    ship(fleet, recordErasures(erasures, log, 3), 'zz');
    ship(fleet, erase(log, 3), 'a');
    expect((await auditFleet(fleet, asked(limit))).said).toContain('fleet/a: new ok whole');
    ship(fleet, recordErasures(erasures, log, 13), 'zz');
    ship(fleet, erase(log, 13), 'a');
    const { said, results } = await auditFleet(fleet, asked(limit));
    expect(said).toContain('fleet/a: rewritten undecided whole');
    expect(erasedOf(results)).toBe(2);
  });

  it('come to the same in jobs of a queue', async () => {
    const log = logOf();
    const erasures = erasureLog();
    const names = ['a', 'b', 'c'];
    const logs = new Map(names.map((name) => [name, name === 'a' ? log : logOf(name)]));
    for (const [name, one] of logs) ship(fleet, one, name);
    ship(fleet, recordErasures(erasures, log, 3), 'zz');
    ship(fleet, erase(log, 3), 'a');
    ship(fleet, erase(logs.get('b') as SealedLog, 8), 'b');
    await fleet.settle();
    const audit = new AuditJobs({ places: [fleet.place], memory: fleet.memory, ...asked(), now: () => NOW });
    const { streams } = await audit.list();
    const jobs: { origin: string; basis: string; task: unknown }[] = [];
    for await (const one of streams) jobs.push(JSON.parse(JSON.stringify(one)));
    // after the listing, in a folder that no job names
    erasures.close('rotated').checkpoint();
    ship(fleet, erasures, 'zz');
    erasures.rotate('0002.jsonl');
    recordErasures(erasures, logs.get('c') as SealedLog, 4);
    fleet.write('elsewhere/0002.jsonl', erasures.toFiles()[1]?.bytes as Buffer);
    ship(fleet, erase(logs.get('c') as SealedLog, 4), 'c');
    await fleet.settle();
    // another process, which has listed nothing
    const worker = new AuditJobs({ places: [fleet.place], memory: fleet.memory, ...asked(), now: () => NOW });
    const said: string[] = [];
    for (const job of jobs) {
      const { text } = await worker.audit(
        { run: '20261126T230000Z-0011223344556677', ...job },
        { onProgress: () => undefined },
      );
      for (const line of text.split('\n').slice(0, -1)) {
        const { stream, verdict, findings } = JSON.parse(line) as StreamResult;
        said.push(`${stream}: ${verdict} ${findings.map(({ code, seq }) => `${code} ${seq}`).join(', ')}`);
      }
    }
    expect(said.filter((one) => one.startsWith('fleet'))).toEqual([
      'fleet/a: ok ERASED 3',
      'fleet/b: tampered ERASED_UNRECORDED 8',
      'fleet/c: ok ERASED 4',
    ]);
  });
});
