import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Every call on one path that goes through `node:fs` or `node:fs/promises` in this process. To be imported before anything that may
 * keep a function of theirs.
 */

/** What became of a path. */
export interface Watched {
  /** Calls on it, by name. */
  readonly calls: ReadonlySet<string>;
  /** Calls that held the event loop up, each with the nearest places of ours. */
  readonly blocking: ReadonlySet<string>;
  /** Calls that were never answered. */
  readonly waiting: number;
}

interface Watching extends Watched {
  readonly calls: Set<string>;
  readonly blocking: Set<string>;
  waiting: number;
  readonly path: string;
  /** Whether nothing is ever answered, as by a mount whose server is gone. */
  readonly isDead: boolean;
  /** Called once it was opened for the first time. */
  onOpen: (() => void) | undefined;
}

let watching: Watching | undefined;

/** From now on this path is watched, and no other. */
export function watchPath(
  path: string,
  { isDead = false, onOpen }: { isDead?: boolean; onOpen?: (() => void) | undefined } = {},
): Watched {
  watching = { path, isDead, onOpen, calls: new Set(), blocking: new Set(), waiting: 0 };
  return watching;
}

export function watchNothing(): void {
  watching = undefined;
}

type Call = (this: unknown, ...given: unknown[]) => unknown;

function isOn({ path }: Watching, given: unknown): boolean {
  if (typeof given !== 'string' && !Buffer.isBuffer(given) && !(given instanceof URL)) return false;
  const text = given instanceof URL ? fileURLToPath(given) : String(given);
  const whole = text === path || text.startsWith(path) ? text : resolve(text);
  return whole === path || whole.startsWith(path + sep);
}

/** The nearest calls of ours, the innermost first. */
function placeOf(error: Error): string {
  const frames = [...(error.stack ?? '').matchAll(/at (?:async )?(\S+) \(file:\S*\/(src\/[^:)]+)/g)];
  return frames
    .slice(0, 3)
    .map(([, name, file]) => `${name} in ${file}`)
    .join(' < ');
}

function watched(name: string, original: Call, isPromised: boolean): Call {
  const isSync = name.endsWith('Sync');
  const opens = /^(?:open|opendir|readdir)(?:Sync)?$/.test(name);
  const wrapper: Call = function watchedCall(...given) {
    const now = watching;
    if (now === undefined || !(isOn(now, given[0]) || isOn(now, given[1]))) return original.apply(this, given);
    now.calls.add(name);
    if (now.isDead && isSync) {
      now.blocking.add(`${name}: ${placeOf(new Error('here'))}`);
      if (name === 'existsSync') return false;
      throw Object.assign(new Error(`ETIMEDOUT: connection timed out, ${name} '${now.path}'`), { code: 'ETIMEDOUT' });
    }
    if (now.isDead && !/Stream$/.test(name)) {
      now.waiting += 1;
      return isPromised ? new Promise(() => undefined) : undefined;
    }
    const opened = (): void => {
      const act = now.onOpen;
      now.onOpen = undefined;
      act?.();
    };
    const done = given.at(-1);
    if (opens && !isSync && !isPromised && typeof done === 'function') {
      given.splice(-1, 1, (error: unknown, fd: unknown) => {
        if (error === null) opened();
        (done as Call)(error, fd);
      });
    }
    const result = original.apply(this, given);
    if (!opens || (!isSync && !isPromised)) return result;
    if (isSync) {
      opened();
      return result;
    }
    return (result as Promise<unknown>).then((file) => {
      opened();
      return file;
    });
  };
  return Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original)) as Call; // what promisify looks for
}

function watchAll(module: object, isPromised: boolean): void {
  const members = module as Record<string, unknown>;
  for (const [name, original] of Object.entries(members)) {
    if (typeof original !== 'function' || /^[A-Z_]/.test(name)) continue;
    members[name] = watched(name, original as Call, isPromised);
  }
}

watchAll(fs, false);
watchAll(fs.promises, true);
syncBuiltinESMExports();
