import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { StorageMemory } from '../../src/audit/memory/storage-memory.ts';
import { DirectoryPlace } from '../../src/audit/place/directory-place.ts';
import type { ListedObject } from '../../src/storage/stored-logs.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { type FleetFiles, fleetInBucket } from '../support/fleet.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

/** Where the logs of a world are, and everything that access to it allows. */
export interface Store extends FleetFiles {
  /** What a whole verification reads: everything, or the files with these names. */
  verified(names?: readonly string[]): Pick<VerifyOptions, 'paths' | 'stored'>;
  /** Keeps a folder with these files, by their names in it, aside; puts it in the place of the one in use, and back. A bucket has none. */
  readonly aside?: { put(folder: string, files: ReadonlyMap<string, Uint8Array>): void; swap(folder: string): void };
  /** Other bytes under the same version, as bit rot and dirty pages leave them; a test cannot do that to a file system. */
  readonly rot?: (name: string, bytes: Uint8Array) => void;
  /** Sets the times of a file back, or stores it again. */
  touch(name: string): void;
  /** The name of a log for each time that something of it was read; none where nobody counts. */
  readonly readings: () => string[];
}

/** The version of what is written must differ from that of what was there: writes until the clock of the file system has moved. */
function writeAnew(path: string, bytes: Uint8Array): void {
  const before = statSync(path, { bigint: true, throwIfNoEntry: false });
  do writeFileSync(path, bytes);
  while (statSync(path, { bigint: true }).ctimeNs === before?.ctimeNs);
}

/** In a directory. What was changed long ago is settled: the program's clock is ahead of the file system's. */
export function storeOnDisk(): Store {
  const folder = mkdtempSync(join(tmpdir(), 'nights-'));
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const at = (name: string): string => join(logs, name);
  return {
    place: new DirectoryPlace(logs, 2 ** 30),
    // where audits remember is not what is attacked here, and a disk is slow
    memory: new StorageMemory(new MemoryStorage(), 'memory'),
    write: (name, bytes) => {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeAnew(at(name), bytes);
    },
    read: (name) => readFileSync(at(name)),
    remove: (name) => rmSync(at(name)),
    names: () =>
      readdirSync(logs, { recursive: true })
        .map(String)
        .filter((name) => statSync(at(name)).isFile())
        .sort(),
    verified: (names) => ({ paths: names?.map(at) ?? [logs], stored: [] }),
    aside: {
      put: (name, files) => {
        for (const [file, bytes] of files) {
          mkdirSync(dirname(join(folder, 'aside', name, file)), { recursive: true });
          writeFileSync(join(folder, 'aside', name, file), bytes);
        }
      },
      swap: (name) => {
        renameSync(at(name), join(folder, 'between'));
        renameSync(join(folder, 'aside', name), at(name));
        renameSync(join(folder, 'between'), join(folder, 'aside', name));
      },
    },
    touch: (name) => utimesSync(at(name), 1, 1),
    settle: async () => undefined,
    readings: () => [],
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** In a bucket. */
export function storeInBucket(): Store {
  const fleet = fleetInBucket();
  const { bucket } = fleet;
  const list = async (names?: readonly string[]): Promise<ListedObject[]> => {
    const objects: ListedObject[] = [];
    for await (const page of bucket.list('logs/')) objects.push(...page.map((one) => ({ ...one, named: false })));
    return objects.filter(({ key }) => names?.includes(key.slice('logs/'.length)) !== false);
  };
  return {
    ...fleet,
    read: (name) => bucket.bytes(`logs/${name}`),
    verified: (names) => ({ paths: [], stored: [{ storage: bucket.another(), list: () => list(names) }] }),
    rot: (name, bytes) => bucket.rot(`logs/${name}`, bytes),
    touch: (name) => void bucket.set(`logs/${name}`, bucket.bytes(`logs/${name}`)),
    readings: () =>
      bucket.requests.flatMap(({ method, key }) =>
        method === 'read' && !key.endsWith('.manifest.json') ? [key.slice('logs/'.length)] : [],
      ),
  };
}
