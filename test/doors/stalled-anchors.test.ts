import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSealer, type SealerOptions } from '../../src/index.ts';
import { workplace } from '../seal/workplace.ts';
import { someOf } from '../support/tier.ts';

/**
 * An anchor that stops answering at some step of taking a checkpoint, as a file on a mount that is dead does, or an address: `close()`
 * does not wait for it, a warning says so, and what it missed comes with the next checkpoint, once.
 */

/** Where a file stalls: by its name, at which call, until when. */
const stalls = new Map<string, { readonly call: string; readonly until: Promise<void> }>();

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const at = async (path: unknown, call: string): Promise<void> => {
    const stall = stalls.get(String(path));
    if (stall?.call === call) await stall.until;
  };
  const wrapped = (path: string, handle: FileHandle): FileHandle =>
    new Proxy(handle, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]): Promise<unknown> => {
          await at(path, String(name));
          return Reflect.apply(value, target, given);
        };
      },
    });
  return {
    ...real,
    lstat: async (path: string) => {
      await at(path, 'lstat');
      return real.lstat(path);
    },
    open: async (path: string, flags?: string | number, mode?: number) => {
      await at(path, 'open');
      return wrapped(path, await real.open(path, flags, mode));
    },
  };
});

function stalled(path: string, call: string): () => void {
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve)); // biome-ignore format: a promise and its end
  stalls.set(path, { call, until });
  return () => {
    stalls.delete(path);
    go();
  };
}

const WAITING = { timeout: 60_000, interval: 5 };

interface Sealing {
  readonly warned: Promise<Error>;
  close(): Promise<void>;
}

/** @param begun - called once the start has asked its anchors */
async function sealing(options: SealerOptions, begun?: () => void): Promise<Sealing> {
  const sealer = createSealer(options);
  const warned = new Promise<Error>((resolve) => sealer.on('warning', resolve));
  await sealer.ready;
  begun?.();
  sealer.write('{"n":1}');
  return { warned, close: () => sealer.close() };
}

const steps = ['lstat', 'open', 'stat', 'read', 'appendFile', 'sync', 'close'];

/** @returns of an anchor that stalls at a call: what was said, and its lines once it went on and had the next checkpoint */
async function stallingFile(call: string, { directory, options }: ReturnType<typeof workplace>) {
  const anchor = join(directory, 'anchor');
  const own = { ...options(), anchors: [anchor] };
  const lines = (): string[] => readFileSync(anchor, 'utf8').split('\n').slice(0, -1);
  const before = await sealing(own);
  await before.close();
  await vi.waitUntil(() => existsSync(anchor) && lines().length > 0, WAITING);
  let go: (() => void) | undefined;
  const { warned, close } = await sealing(own, () => (go = stalled(anchor, call)));
  await close();
  const { message } = await warned;
  go?.();
  const after = await sealing(own);
  await after.close();
  await vi.waitUntil(() => lines().length > 1, WAITING);
  return { message, lines: lines() };
}

it.each(someOf(steps, 3))('a file that stalls at %s', { timeout: 60_000 }, async (call) => {
  const { message, lines } = await stallingFile(call, workplace());
  expect(message).toMatch(/anchor did not accept a checkpoint: .*(aborted|no answer)/);
  expect(new Set(lines).size).toBe(lines.length);
});

/** What an address does once it is given a checkpoint. */
const addresses: Readonly<Record<string, (socket: Socket) => unknown>> = {
  'at once': () => undefined,
  'in its head': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-'),
  'in its refusal': (socket) => socket.write('HTTP/1.1 403 No\r\ncontent-length: 100\r\n\r\nabc'),
};

it.each(Object.entries(addresses))('an address that stalls %s', async (_, act) => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (asked) =>
      asked.includes('POST ') ? act(socket) : socket.end('HTTP/1.1 404 None\r\ncontent-length: 0\r\n\r\n'),
    );
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { options } = workplace();
  const { port } = server.address() as AddressInfo;
  const { warned, close } = await sealing({ ...options(), anchors: [`http://127.0.0.1:${port}/a`] });
  await close();
  expect((await warned).message).toContain('did not accept a checkpoint');
});
