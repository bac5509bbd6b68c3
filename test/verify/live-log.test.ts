import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verify } from '../../src/verify/verify.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signedBody } from '../vectors/logs.ts';

/** A log that is still written has a seal near the auditor's time, on either side of it (M8.21). */

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'live-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it.each([
  ['long before', -86_400, 'undecided'],
  ['shortly before', -10, 'ok'],
  ['shortly after', 10, 'ok'],
  ['long after', 86_400, 'undecided'],
  ['ten years after', 315_360_000, 'undecided'],
] as const)('its newest seal is %s the time of the auditor', async (_, seconds, verdict) => {
  const log = signedBody().seal().checkpoint();
  const path = join(directory, 'audit.jsonl');
  writeFileSync(path, log.toFiles()[0]?.bytes ?? '');
  const now = new Date(log.clock - seconds * 1000);
  const report = await verify({
    paths: [path],
    origin: log.origin,
    publicKeys: [vkeyOf(log.origin, edKey)],
    live: true,
    now,
  });
  expect(report.verdict).toBe(verdict);
  expect(report.findings.map(({ code }) => code)).toEqual(verdict === 'ok' ? [] : ['END_UNPROVEN']);
});
