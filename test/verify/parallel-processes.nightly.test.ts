import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';

/** Seals 70 MB, verifies with and without more processes, whole and damaged in the middle, and prints both reports. */
const program = `
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditorKeys, createSealer, verify } from './dist/index.js';

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-jobs-'));
const file = join(folder, 'audit.jsonl');
const keyFilePath = join(folder, 'audit.key');
writeFileSync(keyFilePath, randomBytes(32).toString('hex'), { mode: 0o600 });
const origin = 'audit.example.com/jobs';
const sealer = createSealer({ file, origin, stateDir: folder, keySource: 'file', keyFilePath, keyId: 'audit' });
await sealer.ready;
const line = JSON.stringify({ level: 30, msg: 'x'.repeat(600) }) + '\\n';
for (let at = 0; at < 100; at++) if (!sealer.write(line.repeat(1000))) await once(sealer, 'drain');
await sealer.close();

async function report(jobs) {
  const keys = auditorKeys({ dataKeyFiles: [keyFilePath] });
  let bytes = 0;
  const onProgress = (read) => { bytes = read; };
  const result = await verify({ paths: [file], origin, keys, jobs, onProgress });
  return { bytes, ...result };
}
const whole = [await report(1), await report(2)];
const fd = openSync(file, 'r+');
const byte = Buffer.alloc(1);
readSync(fd, byte, 0, 1, 40_000_000);
byte[0] ^= 1;
writeSync(fd, byte, 0, 1, 40_000_000);
const damaged = [await report(1), await report(2)];
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ whole, damaged }));
`;

describe('verify with more processes', () => {
  let built: BuiltPackage;
  beforeAll(async () => {
    built = await buildPackage();
  });
  afterAll(() => built.remove());

  it('says what it says without them', { timeout: 120_000 }, async () => {
    const { stdout, stderr } = await built.run([], { program: writeProgram(built, 'jobs.mjs', program) });
    expect(stderr).toBe('');
    const { whole, damaged } = JSON.parse(stdout);
    expect(whole[0]).toMatchObject({ verdict: 'ok', streams: [{ records: 100_000 }] });
    expect(whole[1]).toEqual(whole[0]);
    expect(damaged[0].verdict).toBe('tampered');
    expect(damaged[1]).toEqual(damaged[0]);
  });
});
