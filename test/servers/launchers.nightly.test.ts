import { expect, it } from 'vitest';
import { startLocalstack } from './localstack.ts';
import { startMinistack } from './ministack.ts';
import { startMoto } from './moto.ts';

it.each([
  ['LocalStack', startLocalstack],
  ['MiniStack', startMinistack],
  ['moto', startMoto],
])(
  '%s starts, answers on loopback and is gone after stop',
  async (_name, start) => {
    const server = await start();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
    await expect(fetch(server.url)).rejects.toThrow();
  },
  120_000,
);
