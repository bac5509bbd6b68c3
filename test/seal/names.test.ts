import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';
import { resolveNames } from '../../src/seal/disk/names.ts';

it.each([
  ['payments-0', 'payments-0'],
  [undefined, hostname()],
])('{pod} is HOSTNAME, else the host name: %s', (name, pod) => {
  vi.stubEnv('HOSTNAME', name);
  const code = { file: join('/logs', '{pod}.jsonl'), origin: 'audit.example.com/{pod}' };
  const { config } = resolveConfig({ code, env: {} });
  expect(resolveNames(config)).toMatchObject({
    base: `/logs/${pod.toLowerCase()}.jsonl`,
    origin: `audit.example.com/${pod}`,
  });
  vi.unstubAllEnvs();
});
