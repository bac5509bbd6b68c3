import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port on loopback that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A port on loopback whose successor is free as well: for servers that bind both. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const next = createServer().listen(port + 1, '127.0.0.1');
    const free = await Promise.race([
      once(next, 'listening').then(() => true),
      once(next, 'error').then(() => false), // taken: another pair
    ]);
    next.close();
    if (free) return port;
  }
}
