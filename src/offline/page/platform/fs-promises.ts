import type { Buffer } from './buffer.ts';
import { namesIn } from './folder.ts';
import { closeSync, fstatSync, openSync, readLater, type Stats, statSync } from './fs.ts';

/** `node:fs/promises`, as far as the verifier uses it. */

export interface FileHandle {
  readonly fd: number;
  stat(): Promise<Stats>;
  read(into: Buffer, offset: number, length: number, position: number | null): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

export async function open(path: string): Promise<FileHandle> {
  const fd = openSync(path);
  let at = 0;
  return {
    fd,
    stat: async () => fstatSync(fd),
    read: async (into, offset, length, position) => {
      const bytesRead = await readLater(fd, into, offset, length, position ?? at);
      if (position === null) at += bytesRead;
      return { bytesRead };
    },
    close: async () => closeSync(fd),
  };
}

export async function stat(path: string): Promise<Stats> {
  return statSync(path) as Stats; // it throws where there is nothing
}

export async function readdir(path: string): Promise<string[]> {
  await stat(path);
  return namesIn(path);
}

interface Entry {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

export async function opendir(path: string): Promise<AsyncIterable<Entry>> {
  const names = await readdir(path);
  return (async function* entries(): AsyncGenerator<Entry> {
    for (const name of names) {
      const stats = await stat(`${path}/${name}`);
      yield { name, ...stats };
    }
  })();
}

export async function realpath(path: string): Promise<string> {
  await stat(path);
  return path;
}
