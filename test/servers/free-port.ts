import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports for servers that a test stops and starts again. They lie below those that a system hands out by itself (from 32768 on
 * Linux, from 49152 elsewhere), so that nothing else takes one while its server is away.
 */
const FIRST = 12_000;
const COUNT = 20_000;

/** A port on loopback that is this process's until it ends: nothing listens on it, and no other caller is given it. */
export async function freePort(): Promise<number> {
  return firstOf(1);
}

/** The first of two such ports in a row: for servers that bind both. */
export async function freePortPair(): Promise<number> {
  return firstOf(2);
}

async function firstOf(count: number): Promise<number> {
  for (;;) {
    const first = FIRST + Math.floor(Math.random() * COUNT);
    const ports = Array.from({ length: count }, (_, at) => first + at);
    if ((await Promise.all(ports.map(claimed))).every(Boolean)) return first;
  }
}

/** The claim is the UDP port of the same number, which no server here uses: it ends with this process, however that ends. */
async function claimed(port: number): Promise<boolean> {
  const claim = createSocket('udp4').unref();
  const probe = createServer();
  try {
    claim.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(claim, 'listening');
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
    probe.close();
    await once(probe, 'close');
    return true;
  } catch {
    claim.close();
    return false; // another's
  }
}
