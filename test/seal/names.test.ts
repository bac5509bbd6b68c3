import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSealer } from '../../src/index.ts';

it.each([
  ['payments-0', 'payments-0'],
  [undefined, hostname()],
])('{pod} is HOSTNAME, else the host name: %s', async (name, pod) => {
  const directory = mkdtempSync(join(tmpdir(), 'names-'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });
  vi.stubEnv('HOSTNAME', name);
  vi.stubEnv('FAPILOG_TAMPER_KEY', 'ab'.repeat(32));
  const sealer = createSealer({
    file: join(directory, '{pod}.jsonl'),
    stateDir: join(directory, 'state'),
    origin: 'audit.example.com/{pod}',
  });
  sealer.write('one');
  await sealer.close();
  expect(sealer.origin).toBe(`audit.example.com/${pod}`);
  expect(readdirSync(directory)).toContain(`${pod.toLowerCase()}.jsonl`);
});
