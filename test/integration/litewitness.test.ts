import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Litewitness } from '../servers/litewitness.ts';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';
import { bothKeys, signKeys } from '../vectors/logs.ts';

/** The `witness` command and a real witness, written by others: C2SP tlog-witness and tlog-cosignature. */

let one: Litewitness;
let two: Litewitness;
let directory = '';
let made = 0;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'witnessed-'));
  one = await Litewitness.start('witness.example/one');
  two = await Litewitness.start('witness.example/two');
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  for (const witness of [one, two]) await witness.restart();
});

/** A stream that both know, its file, and where its cosigned checkpoints go. */
interface Place {
  readonly log: SealedLog;
  readonly file: string;
  readonly out: string;
}

async function enrolled(knownBy: readonly Litewitness[] = [one, two]): Promise<Place> {
  const log = new SealedLog(`audit.example.com/witnessed/${++made}`);
  for (const witness of knownBy) await witness.addLog(log.origin, vkeyOf(log.origin, edKey));
  return { log, file: join(directory, `${made}.jsonl`), out: join(directory, `${made}.witnessed`) };
}

const records = (log: SealedLog, count: number): SealedLog =>
  log
    .record(...Array.from({ length: count }, (_, at) => `{"n":${at}}`))
    .seal()
    .checkpoint();

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));

async function witness({ log, file, out }: Place, by: Litewitness): Promise<CommandResult> {
  writeFileSync(file, bytesOf(log));
  const flags = ['--origin', log.origin, '--url', by.url, '--witness', by.vkey, '--out', out];
  return runCommand(['witness', file, ...flags]);
}

async function verify({ log, file, out }: Place, ...flags: string[]): Promise<CommandResult> {
  writeFileSync(file, bytesOf(log));
  const key = join(directory, 'signer.pub');
  writeFileSync(key, vkeyOf(log.origin, edKey));
  const now = new Date(log.clock + 1000).toISOString();
  return runCommand(['verify', file, out, '--origin', log.origin, '--public-key', key, '--now', now, ...flags]);
}

const both = (): string[] => ['--witness', one.vkey, '--witness', two.vkey];

describe('litewitness', () => {
  it('cosigns a log as it grows, by proofs from every size to the next, and the end is witnessed', async () => {
    const place = await enrolled();
    place.log.open(signKeys).seal().checkpoint();
    for (const count of [0, 1, 2, 3, 5, 8, 13, 64, 100, 257]) {
      const { size } = records(place.log, count);
      const result = await witness(place, one);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout).toContain(`witness.example/one cosigned ${size} entries; appended`);
    }
    place.log.close().checkpoint();
    expect((await verify(place, '--witness', one.vkey)).code).toBe(2);
    expect((await witness(place, one)).code).toBe(0);
    const verdict = await verify(place, '--witness', one.vkey);
    expect(verdict).toMatchObject({ code: 0, stderr: '' });
    expect(verdict.stdout).toMatch(/witness\.example\/one\+[0-9a-f]{8}: entry \d+, seen 20/);
  });

  it('cosigns what is signed by a key that it knows beside other signatures and MACs', async () => {
    const place = await enrolled([one]);
    place.log.open(bothKeys).seal().checkpoint();
    expect((await witness(place, one)).code).toBe(0);
  });

  it('of two, one away: a quorum of one is met, one of two is not; later both', async () => {
    const place = await enrolled();
    records(place.log.open(signKeys).seal().checkpoint(), 5).close().checkpoint();
    expect((await witness(place, one)).code).toBe(0);
    await two.kill();
    const away = await witness(place, two);
    expect(away.code).toBe(2);
    expect(away.stderr).toContain('witness.example/two cannot be reached');
    expect((await verify(place, ...both(), '--cosignatures', '1')).code).toBe(0);
    const unwitnessed = await verify(place, ...both(), '--cosignatures', '2');
    expect(unwitnessed.code).toBe(2);
    expect(unwitnessed.stdout).toContain('UNWITNESSED');
    await two.restart();
    expect((await witness(place, two)).code).toBe(0);
    expect((await verify(place, ...both(), '--cosignatures', '2')).code).toBe(0);
  });

  it('killed and started again goes on from what it remembers, and so do we without our memory', async () => {
    const place = await enrolled([one]);
    records(place.log.open(signKeys).seal().checkpoint(), 20);
    expect((await witness(place, one)).code).toBe(0);
    await one.kill();
    await one.restart();
    records(place.log, 30);
    rmSync(place.out);
    const result = await witness(place, one);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain(`cosigned ${place.log.size} entries; appended`);
  });

  it('asked again about the same checkpoint cosigns it again, and the file does not grow', async () => {
    const place = await enrolled([one]);
    records(place.log.open(signKeys).seal().checkpoint(), 3);
    await witness(place, one);
    const before = readFileSync(place.out, 'utf8');
    const again = await witness(place, one);
    expect([again.code, again.stdout.includes('as before')]).toEqual([0, true]);
    expect(readFileSync(place.out, 'utf8')).toBe(before);
  });

  it('has seen more than a log that was rolled back: exit code 1', async () => {
    const place = await enrolled([one]);
    records(place.log.open(signKeys).seal().checkpoint(), 6);
    const rolledBack = { ...place, log: place.log.fork() };
    records(place.log, 4);
    expect((await witness(place, one)).code).toBe(0);
    for (const out of [place.out, join(directory, 'forgotten.witnessed')]) {
      const result = await witness({ ...rolledBack, out }, one);
      expect(result.code).toBe(1);
      expect(result.stdout).toContain(`has cosigned ${place.log.size} entries, but these files have a checkpoint of`);
    }
  });

  it.each([0, 1])('refuses a log that was rewritten and signed anew: exit code 1 (%i more entries)', async (more) => {
    const place = await enrolled([one]);
    const other = { ...place, log: place.log.fork() };
    records(place.log.open(signKeys).seal().checkpoint(), 6);
    other.log.open(signKeys).seal().checkpoint().record('{"n":"instead"}');
    records(other.log, 5);
    if (more > 0) records(other.log, more);
    expect((await witness(place, one)).code).toBe(0);
    const result = await witness({ ...other, out: join(directory, `${made}.other`) }, one);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('are not those of these files');
  });

  it('does not know the stream, or its key: exit code 2, and what to do', async () => {
    const unknown = await enrolled([]);
    records(unknown.log.open(signKeys).seal().checkpoint(), 2);
    const stranger = await witness(unknown, one);
    expect(stranger.code).toBe(2);
    expect(stranger.stderr).toContain('does not know');
    const place = await enrolled([one]);
    records(
      place.log
        .open({ signers: [nextEdKey] })
        .seal()
        .checkpoint(),
      2,
    );
    const wrongKey = await witness(place, one);
    expect(wrongKey.code).toBe(2);
    expect(wrongKey.stderr).toContain('none of the keys that sign it');
  });
});
