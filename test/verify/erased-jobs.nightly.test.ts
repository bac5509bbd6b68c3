import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { VerifyReport } from '../../src/index.ts';
import { buildPackage } from '../support/built-package.ts';
import { erase, recordErasures, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/** A file that is large enough for more processes, with erased records and some that are recorded as erased and stand there. */

it('erased records come to the same report with three processes as with one, byte for byte', async () => {
  const [origin, erasing] = ['audit.example.com/large', 'audit.example.com/erasures'] as const;
  const log = new SealedLog(origin)
    .open({ signers: [edKey], salted: true })
    .seal()
    .checkpoint();
  const text = 'x'.repeat(16_000);
  for (let step = 0; step < 9; step++) {
    log.record(...Array.from({ length: 500 }, (_, at) => `{"step":${step},"n":${at},"text":"${text}"}`));
    log.seal().checkpoint();
  }
  log.close().checkpoint();
  const erased = [3, 4, 5, 400, 1_500, 1_501, 3_000, 4_400];
  const standing = [6, 401, 2_048, 4_401];
  const erasures = new SealedLog(erasing)
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint();
  recordErasures(erasures, log, ...erased, ...standing)
    .close()
    .checkpoint();
  erase(log, ...erased, 450);
  const folder = mkdtempSync(join(tmpdir(), 'erased-jobs-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, one] of [
    ['erasures.jsonl', erasures],
    ['large.jsonl', log],
  ] as const) {
    writeFileSync(join(folder, name), Buffer.concat(one.lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])));
  }
  const policy = join(folder, 'policy.json');
  const streams = [
    { origin, require: ['signature'], keys: [{ sign: vkeyOf(origin, edKey) }] },
    { origin: erasing, require: ['signature'], keys: [{ sign: vkeyOf(erasing, nextEdKey) }] },
  ];
  writeFileSync(policy, JSON.stringify({ version: 1, streams, erasures: [erasing] }));
  const built = await buildPackage();
  onTestFinished(() => built.remove());
  const files = ['large.jsonl', 'erasures.jsonl'].map((name) => join(folder, name));
  const said = async (jobs: string): Promise<string> => {
    const { code, stdout } = await built.run([
      'verify',
      ...files,
      '--policy',
      policy,
      '--jobs',
      jobs,
      '--format',
      'json',
    ]);
    expect(code).toBe(1);
    return stdout;
  };
  const alone = await said('1');
  expect(await said('3')).toBe(alone);
  const stream = (JSON.parse(alone) as VerifyReport).streams.find((one) => one.origin === origin);
  const counts = new Map<string, number>();
  for (const { code } of stream?.findings ?? []) counts.set(code, (counts.get(code) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({ ERASED_UNRECORDED: 1, NOT_ERASED: 4, ERASED: 8 });
}, 120_000);
