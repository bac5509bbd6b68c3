import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditorKeys, verify } from '../../src/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { logPlace } from './log-place.ts';

const program = fileURLToPath(new URL('../support/cluster.mjs', import.meta.url));
const pino = pathToFileURL(fileURLToPath(new URL('../../node_modules/pino/pino.js', import.meta.url))).href;
const SLOTS = 4;

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

it('four processes of a cluster, killed at random, leave four logs that verify together; one that is gone is missed', async () => {
  const place = logPlace();
  const { file, ...options } = { ...place.options, file: join(place.directory, 'audit') };
  const task = { library: join(built.directory, 'dist'), pino, options: { ...options, file }, rounds: 20 };
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(task)], { timeout: 120_000 });
  const durable: number[] = JSON.parse(stdout);
  expect(durable).toHaveLength(SLOTS);
  const origins = Array.from({ length: SLOTS }, (_, slot) => `${options.origin}/${slot}`);
  const keys = auditorKeys({ dataKeyFiles: [options.keyFilePath] });
  const audit = (): ReturnType<typeof verify> => verify({ paths: [place.directory], origin: origins, keys });
  const report = await audit();
  expect(report.verdict).toBe('ok');
  for (const [slot, origin] of origins.entries()) {
    const stream = report.streams.find((one) => one.origin === origin);
    expect(stream?.records).toBeGreaterThanOrEqual(durable[slot] ?? Number.NaN);
  }
  rmSync(`${file}-2.jsonl`);
  const without = await audit();
  expect(without.verdict).not.toBe('ok');
  expect(without.streams.find(({ origin }) => origin === origins[2])).toMatchObject({
    findings: [expect.objectContaining({ code: expect.any(String) })],
  });
});
